"""A declared table's program, run by SQLite itself: one SELECT gives its net effect on each row, which is then applied."""

from __future__ import annotations

import sqlite3

from ..program import Program
from ..read_model import Shape, Target
from ..table_sql import Declined, changes_of, check_text, effect_text
from ..table_sql_sqlite import SqliteWords
from .changes import change_rows

__all__ = ["project"]

_JSON_ARROWS = (3, 38)
"""The release that brought `->`."""

Span = tuple[tuple[int, int], tuple[int, int]]
"""((after, up to), (part, parts))."""


def project(
    cursor: sqlite3.Cursor, tenant: str, table: tuple[Target, Shape], program: Program, span: Span
) -> int | None:
    """How many events of the span the program matched; None, and nothing changed, when they must be decoded."""
    (target, shape), ((after, up_to), part) = table, span
    words = SqliteWords(part)
    try:
        selected = effect_text(program, shape, words)
    except Declined:
        return None
    values = {"tenant": tenant, "after": after, "up_to": up_to}
    count, others = cursor.execute(check_text(program, words), values).fetchone()
    if others or sqlite3.sqlite_version_info < _JSON_ARROWS:
        return None
    changes = changes_of(shape, selected, cursor.execute(selected.text, values).fetchall(), words)
    if changes is None:
        return None
    change_rows(cursor, tenant, target, shape, changes)
    return int(count)
