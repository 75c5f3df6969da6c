# SPDX-License-Identifier: Apache-2.0
"""scripts/find-pythons: which Pythons it accepts, what it calls them, and which is the default. Starts no server."""
import os
import subprocess
import sys

import pytest

from stage import CHECKOUT

PROGRAM = CHECKOUT / 'scripts' / 'find-pythons'


@pytest.fixture
def python(tmp_path):
    """Makes a program that answers the script's question as a Python of this name would; returns its path."""
    def make(minor, patch=5, implementation='cpython', library=True):
        prefix = tmp_path / f'{implementation}-{minor}'
        (prefix / 'bin').mkdir(parents=True)
        (prefix / 'include').mkdir()
        (prefix / 'include' / 'Python.h').touch()
        path = prefix / 'bin' / f'python{minor}'
        facts = [implementation, minor, f'{minor.rstrip("t")}.{patch}', prefix, path, prefix if library else '-',
                 f'python{minor}', prefix / 'include']
        path.write_text('#!/bin/sh\nprintf "%s\\n" "' + '\t'.join(map(str, facts)) + '"\n')
        path.chmod(0o755)
        return path
    return make


def run(*arguments, search=()):
    """Standard output and the table on standard error. search: directories of PATH before the system's."""
    environment = {'PATH': ':'.join([*map(str, search), '/usr/bin', '/bin']), 'HOME': '/nowhere'}
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, env=environment)


def default_of(*pythons):
    made = run('--make', ','.join(map(str, pythons))).stdout.splitlines()
    return next(line.removeprefix('DEFAULT_PYTHON = ') for line in made if line.startswith('DEFAULT_PYTHON'))


def test_a_free_threaded_build_is_a_version_of_its_own(python):
    plain, free = python('3.13'), python('3.13t')
    assert run(plain, free).stdout == f'3.13 {plain}\n3.13t {free}\n'
    prefix = free.parent.parent
    assert run('--make', free).stdout.splitlines()[1:] == [
        'DEFAULT_PYTHON = 3.13t', 'PYTHONS += 3.13t', f'PYTHON_3.13t = {free}', f'PYTHON_LIBDIR_3.13t = {prefix}',
        'PYTHON_LIBRARY_3.13t = python3.13t', f'PYTHON_INCLUDE_3.13t = {prefix}/include']


def test_it_is_the_default_only_where_there_is_no_other(python):
    free, newer, plain = python('3.13t'), python('3.14t'), python('3.12')
    assert default_of(free) == '3.13t'
    assert default_of(newer, free) == '3.14t'
    assert default_of(free, plain) == '3.12'
    assert default_of(plain, free) == '3.12'


def test_it_is_found_on_the_path_under_its_name_and_is_not_the_default(python):
    free, plain = python('3.15t'), python('3.15')
    found = run(search=[free.parent, plain.parent]).stdout.splitlines()
    assert f'3.15t {free}' in found and f'3.15 {plain}' in found
    assert 'DEFAULT_PYTHON = 3.15t' not in run('--make', search=[free.parent, plain.parent]).stdout


def test_of_other_pythons_the_first_one_asked_for_is_the_default(python):
    first, second = python('3.11'), python('3.12')
    assert default_of(second, first) == '3.12'
    assert default_of(first, second) == '3.11'


def test_all_of_them_are_told_by_name_version_and_place(python):
    free = python('3.13t', patch=7)
    name, version, readable, prefix = run('--all', free).stdout.split()
    assert (name, version, prefix) == ('3.13t', '3.13.7', str(free.parent.parent)) and readable in ('yes', 'no')


@pytest.mark.parametrize('options, reason', [
    ({'minor': '3.9'}, 'older than 3.10'), ({'minor': '3.13t', 'library': False}, 'no libpython3.13t.so'),
    ({'minor': '3.11', 'implementation': 'pypy'}, 'it is pypy, not CPython')])
def test_one_that_cannot_be_used_is_refused_with_the_reason(python, options, reason):
    done = run(python(**options))
    assert done.returncode == 1 and f'refused: {reason}' in done.stderr and not done.stdout


def test_the_real_question_is_answered_by_a_real_python(python):
    """What the programs above answer is what a Python answers to the script's own code."""
    code = PROGRAM.read_text().split("probe='")[1].split("\n'\n")[0]
    facts = subprocess.run([sys.executable, '-I', '-c', code], capture_output=True, text=True,
                           check=True).stdout.rstrip('\n').split('\t')
    build = 't' if 't' in sys.abiflags else ''
    assert len(facts) == 8 and facts[0] == sys.implementation.name
    assert facts[1] == '%d.%d' % sys.version_info[:2] + build and facts[2] == '%d.%d.%d' % sys.version_info[:3]
    assert os.path.isabs(facts[3]) and os.path.isabs(facts[4])
