"""How a result is written: for a person at a terminal, as tab-separated lines into a pipe, or as one JSON envelope.

The lines are stable: columns are only ever added at the end, there is no heading, and a field never holds a tab or a
line break.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from .settings import Settings
from .telling import envelope, write_json
from .visible import cell

__all__ = ["line", "show"]


def show(
    settings: Settings,
    data: Any,
    *,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    text: str = "",
    narrow: Sequence[str] = (),
    status: str = "pass",
    diagnostics: Sequence[dict[str, Any]] = (),
) -> None:
    """Write one result: `data` for programs, `rows` for pipes, and for people `text`, or a table of the rows.

    The table has the columns `narrow`, or all.
    """
    if settings.json:
        write_json(envelope(settings, status, data, diagnostics=list(diagnostics)))
    elif not settings.for_people:
        sys.stdout.writelines(line(row) for row in rows)
    elif text:
        sys.stdout.write(f"{text}\n")
    else:
        _table(settings, columns, rows, narrow or columns)


def line(fields: Sequence[object]) -> str:
    """One line for a pipe."""
    return "\t".join(map(cell, fields)) + "\n"


def _table(settings: Settings, columns: Sequence[str], rows: Iterable[Sequence[object]], narrow: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False)
    places = [columns.index(column) for column in narrow]
    shown = [[row[place] for place in places] for row in rows]
    for place, column in enumerate(narrow):
        numeric = bool(shown) and all(isinstance(row[place], (int, float)) for row in shown)
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        # Text, never markup: a stream may be called "[red]"
        table.add_row(*(Text(_for_people(value, column)) for value, column in zip(row, narrow, strict=True)))
    Console(file=sys.stdout, no_color=not settings.colors(sys.stdout), highlight=False).print(table)


def _for_people(value: object, column: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,}"
    return cell(value)[:19].replace("T", " ") if column.endswith("_at") else cell(value)
