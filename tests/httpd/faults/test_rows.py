# SPDX-License-Identifier: Apache-2.0
"""The table of faults is complete: every row has tests, and every test has a row."""
import ast
from pathlib import Path

import pytest

from rows import ROWS

HERE = Path(__file__).parent
WANTED = [f'F{number}' for number in (*range(1, 12), 13, 14, 15, 17, *range(19, 32), 33)]


def functions(file):
    return [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]


def row_of(function):
    """The row that a test's marker names."""
    return next((mark.args[0].value for mark in function.decorator_list if isinstance(mark, ast.Call)
                 and ast.unparse(mark.func) == 'pytest.mark.row'), None)


def test_every_fault_has_a_row():
    assert sorted(ROWS) == sorted(WANTED)


@pytest.mark.parametrize('name', ROWS)
def test_the_tests_of_a_row_exist(name):
    for test in ROWS[name].tests:
        *place, module, function = test.split('.')
        file = (HERE if place else HERE.parent) / f'test_{module}.py'
        assert function in [found.name for found in functions(file)], test


def test_every_test_of_a_fault_is_in_its_row():
    for file in HERE.glob('test_*.py'):
        for function in functions(file):
            if (name := row_of(function)) is not None:
                assert f'faults.{file.stem.removeprefix("test_")}.{function.name}' in ROWS[name].tests
