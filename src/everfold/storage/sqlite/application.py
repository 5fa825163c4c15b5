"""Statements of the application's own on the store's connection: their `%s` marks, their values, and what they may not do."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...errors import StatementError
from ..placeholders import translate as translate_marks
from .column_types import adapted

__all__ = ["execute", "fetch"]

_FIRST_WORD = re.compile(r"(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*(\w*)", re.DOTALL)
_TRANSACTION = {"begin", "commit", "end", "rollback", "savepoint", "release", "attach", "detach", "vacuum", "pragma"}
_MANY = {"insert", "replace", "update", "delete"}


def execute(cursor: sqlite3.Cursor, sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Once per row."""
    word, text = _prepared(sql)
    if word in _MANY and len(rows) > 1:
        cursor.executemany(text, [_adapted(row) for row in rows])
        return
    for row in rows:
        cursor.execute(text, _adapted(row)).fetchall()


def fetch(cursor: sqlite3.Cursor, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement."""
    _, text = _prepared(sql)
    return cursor.execute(text, _adapted(parameters)).fetchall()


def _adapted(values: Sequence[Any]) -> list[Any]:
    return [adapted(value) for value in values]


@lru_cache(maxsize=512)
def _prepared(sql: str) -> tuple[str, str]:
    """Its first word, and the statement as SQLite takes it."""
    found = _FIRST_WORD.match(sql)
    word = "" if found is None else found[1].lower()
    if word in _TRANSACTION:
        raise StatementError(f"{word.upper()} is not a handler's to say: the transaction is begun and ended around it")
    return word, translate_marks(sql, lambda _: "?")
