"""A reader's own condition in SQL, over rows that stand in memory.

SQLite, which comes with Python, judges them in a scratch table that lives as long as the question. Values look there as they do in
the SQLite backend: dates, times and ids are text of fixed width, numbers are doubles.
"""

# ruff: noqa: S608  # quoted names; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from ...errors import StatementError
from ..placeholders import translate
from ..read_model import Shape

__all__ = ["fitting"]

_DECLARED = {"numeric": "real", "integer": "integer", "biginteger": "integer", "boolean": "integer"}


def fitting(
    shape: Shape, pairs: Sequence[tuple[Any, Mapping[str, Any]]], sql: str, parameters: Sequence[Any]
) -> list[tuple[Any, Any]]:
    """Of these keys and rows those that fit the condition. Raises StatementError."""
    names = [column.name for column in shape.columns]
    condition = _numbered(sql, len(parameters))
    rows = ((place, *(_plain(row[name]) for name in names)) for place, (_, row) in enumerate(pairs))
    with closing(sqlite3.connect(":memory:")) as scratch:
        try:
            scratch.execute(f"create table t (everfold_place integer primary key, {_columns(shape)})")
            scratch.executemany(f"insert into t values (?{', ?' * len(names)})", rows)
            question = f"select everfold_place from t where ({condition}\n)"
            found = scratch.execute(question, [_plain(value) for value in parameters]).fetchall()
        except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
            raise StatementError(str(error)) from error
    return [pairs[place] for (place,) in found]


def _numbered(sql: str, values: int) -> str:
    """The condition with SQLite's marks. Raises StatementError unless there are as many as values."""
    used: list[int] = []

    def mark(number: int) -> str:
        used.append(number)
        return f"?{number}"

    text = translate(sql, mark)
    if len(used) != values:
        raise StatementError(f"the condition has {len(used)} marks for {values} values")
    return text


def _columns(shape: Shape) -> str:
    quoted = ((column.name.replace('"', '""'), column.type.kind) for column in shape.columns)
    return ", ".join(f'"{name}" {_DECLARED.get(kind, "text")}' for name, kind in quoted)


def _plain(value: Any) -> Any:
    """The value as SQLite holds it."""
    match value:
        case None | bool() | int() | float() | str() | bytes():
            return value
        case Decimal():
            return float(value)
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return msgspec.json.encode(value).decode()


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise StatementError("a time without its zone")
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds")[:26] + "Z"
