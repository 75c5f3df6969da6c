# SPDX-License-Identifier: Apache-2.0
"""Every directive and every option has a test that shows its effect (effects.py), and the page tells the same."""
import ast
import functools
import re
from pathlib import Path

import pytest

import effects
from effects import LATER
from stage import CHECKOUT

HERE = Path(__file__).parent
PAGE = (CHECKOUT / 'docs' / 'directives.md').read_text()


def rows(mark):
    """Name and text of each row of the table below a mark of docs/directives.md, which is made from the tables that
    httpd parses by (scripts/check-directives)."""
    table = PAGE.split(f'<!-- {mark} -->\n')[1].split('\n\n')[0]
    found = re.findall(r'^\| `<?([\w-]+)>?` \|(.*)$', table, re.MULTILINE)
    assert len(found) == len(table.splitlines()) - 2, f'rows that cannot be read below {mark}'
    return dict(found)


TABLES = {
    'directives': (rows('directives') | rows('obsolete'), effects.DIRECTIVES),
    'alias options': (rows('alias options'), effects.ALIAS_OPTIONS),
    'group options': (rows('group options'), effects.GROUP_OPTIONS),
}
SHOWN = sorted({test for _, known in TABLES.values() for test in known.values() if test != LATER})


@functools.cache
def functions(module):
    file = HERE / f'test_{module}.py'
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)} if file.exists() else ()


@pytest.mark.parametrize('table', TABLES)
def test_everything_that_can_be_configured_has_a_row(table):
    parsed, known = TABLES[table]
    assert sorted(parsed.keys() - known.keys()) == [], 'add to tests/httpd/effects.py'
    assert sorted(known.keys() - parsed.keys()) == [], 'remove from tests/httpd/effects.py'


@pytest.mark.parametrize('test', SHOWN)
def test_the_test_that_shows_it_exists(test):
    module, function = test.split('.')
    assert function in functions(module)


@pytest.mark.parametrize('table', TABLES)
def test_what_takes_effect_later_is_told_on_the_page(table):
    parsed, known = TABLES[table]
    assert {name for name, text in parsed.items() if '*Later.*' in text} == {
        name for name, test in known.items() if test == LATER}


def test_the_page_on_migrating_names_only_what_there_is():
    page = (CHECKOUT / 'docs' / 'migrating.md').read_text()
    own = ' '.join(line.split(' | ')[-1] for line in page.splitlines() if line.startswith('| `'))
    options = effects.GROUP_OPTIONS.keys() | effects.ALIAS_OPTIONS.keys()
    assert set(re.findall(r'`([a-z][a-z-]*)=', own)) - options == set()
    assert set(re.findall(r'`(WSGI\w+)', own)) - effects.DIRECTIVES.keys() == set()
