# SPDX-License-Identifier: Apache-2.0
"""Tables, rows of cells of which the first is the head: for a terminal and for a page."""
from __future__ import annotations

Table = list[list[str]]


def aligned(table: Table) -> str:
    """The first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join("  " + "  ".join(cell.rjust(width) if column else cell.ljust(width)
                                      for column, (cell, width) in enumerate(zip(row, widths))) for row in table)


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell in ("-", "", "failed")


def markdown(table: Table) -> str:
    """Columns of numbers to the right."""
    rules = ["---:" if all(map(_is_number, column[1:])) else "---" for column in zip(*table)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
                     for row in [table[0], rules, *table[1:]])
