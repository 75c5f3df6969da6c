# SPDX-License-Identifier: Apache-2.0
"""What is built and installed: which file links what, exports what, and lies where."""
import shutil
import subprocess

import pytest

from conftest import PYTHONS
from stage import CHECKOUT, MODULE

BUILD = MODULE.parent
ENGINES = sorted(BUILD.glob('engine-*.so'))


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize('name', ['mod_wsgi.so', 'gatehoused', 'gatehouse-cgi'])
def test_no_program_but_the_engines_links_python(name):
    assert 'libpython' not in run('ldd', BUILD / name)


@pytest.mark.parametrize('engine', ENGINES, ids=lambda path: path.name)
def test_an_engine_links_its_own_python(engine):
    version = engine.stem.removeprefix('engine-cpython-')
    assert f'libpython{version}.so' in run('readelf', '-d', engine)


@pytest.mark.parametrize('library, symbol', [(BUILD / 'mod_wsgi.so', 'wsgi_module'),
                                             *((engine, 'gatehouse_engine') for engine in ENGINES)],
                         ids=lambda value: getattr(value, 'name', value))
def test_a_library_exports_one_symbol(library, symbol):
    lines = run('nm', '-D', '--defined-only', library).split('\n')
    assert [line.split()[-1] for line in lines if line] == [symbol]


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """The root of an installation with DESTDIR."""
    if MODULE.parent != CHECKOUT / 'build':
        pytest.skip('make install installs build/')
    root = tmp_path_factory.mktemp('installed')
    run('make', 'install', f'DESTDIR={root}', cwd=CHECKOUT)
    return root


@pytest.mark.parametrize('name', ['mod_wsgi.so', 'gatehoused', 'gatehouse-cgi', 'wsgi.load', 'wsgi.conf',
                                  *(f'engine-cpython-{version}.so' for version in PYTHONS)])
def test_install_lays_out(installed, name):
    assert [path.name for path in installed.rglob(name)] == [name]


def test_no_program_lies_in_the_modules_directory(installed, stage):
    """SELinux forbids to execute what lies there."""
    modules = installed / stage.modules.relative_to('/')
    assert [path.name for path in modules.iterdir()] == ['mod_wsgi.so']


def test_wsgi_load_loads_the_module_that_was_installed(installed, stage):
    line = next(installed.rglob('wsgi.load')).read_text()
    assert f'LoadModule wsgi_module {stage.modules}/mod_wsgi.so' in line


def test_an_installed_module_finds_its_companions_when_they_lie_beside_it(server):
    assert server('WSGIScriptAlias / ${APPS}/hello.wsgi\n').get('/').status == 200


def test_make_engine_adds_an_engine_without_touching_the_module():
    if MODULE.parent != CHECKOUT / 'build' or not shutil.which('make'):
        pytest.skip('works on build/')
    version = PYTHONS[-1]
    executable = next(line.split()[1] for line in run(CHECKOUT / 'scripts' / 'pythons').splitlines()
                      if line.startswith(version + ' '))
    before = (BUILD / 'mod_wsgi.so').stat().st_mtime_ns
    run('make', 'engine', f'PYTHON={executable}', cwd=CHECKOUT)
    assert (BUILD / 'mod_wsgi.so').stat().st_mtime_ns == before
