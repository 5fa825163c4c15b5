"""What a batch does to a declared table: one statement for its deletes and one for each Upserts, run over their rows.

A numeric column holds doubles, which are rounded to its scale after each addition, so that sums stay exact.
"""

# ruff: noqa: S608  # the pieces are quoted names and constants; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from ..columns import ColumnType
from ..read_model import Shape, TableChanges, Target
from .column_types import dumped
from .names import identifier, table_name

__all__ = ["change_rows"]

_SET = {
    "set": "{c} = excluded.{c}",
    "add": "{c} = {sum}",
    "min": "{c} = min(coalesce({c}, excluded.{c}), coalesce(excluded.{c}, {c}))",
    "max": "{c} = max(coalesce({c}, excluded.{c}), coalesce(excluded.{c}, {c}))",
}
"""By action; `key` and `initial` leave the row's value."""
_SUM = "coalesce({c}, 0) + excluded.{c}"


def change_rows(cursor: sqlite3.Cursor, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
    """Deletes, then upserts in their order. Raises StatementError for a value that is not of its column's type."""
    if changes.deletes:
        types = tuple(shape.column(name).type for name in shape.key)
        cursor.executemany(_delete(target, shape.key), _bound(tenant, types, changes.deletes))
    for upserts in changes.upserts:
        if upserts.rows:
            types = tuple(shape.column(name).type for name in upserts.columns)
            text = _upsert(target, shape.key, upserts.columns, tuple(upserts.actions), types)
            cursor.executemany(text, _bound(tenant, types, upserts.rows))


def _bound(tenant: str, types: tuple[ColumnType, ...], rows: Sequence[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    columns = zip(types, zip(*rows, strict=True), strict=True)
    return zip(repeat(tenant), *(dumped(type_, values) for type_, values in columns), strict=False)


@lru_cache(maxsize=512)
def _delete(target: Target, key: tuple[str, ...]) -> str:
    same = " and ".join(f"{identifier(name)} = ?" for name in key)
    return f"delete from {identifier(table_name(target))} where tenant = ? and {same}"


@lru_cache(maxsize=512)
def _upsert(
    target: Target,
    key: tuple[str, ...],
    columns: tuple[str, ...],
    actions: tuple[str, ...],
    types: tuple[ColumnType, ...],
) -> str:
    names = [identifier(name) for name in columns]
    marks = ", ".join("coalesce(?, 0)" if action == "add" else "?" for action in actions)
    assigned = [_assignment(*one) for one in zip(names, actions, types, strict=True) if one[1] in _SET]
    conflict = f"update set {', '.join(assigned)}" if assigned else "nothing"
    keys = ", ".join(map(identifier, key))
    return (
        f"insert into {identifier(table_name(target))} (tenant, {', '.join(names)}) values (?, {marks}) "
        f"on conflict (tenant, {keys}) do {conflict}"
    )


def _assignment(name: str, action: str, type_: ColumnType) -> str:
    total = _SUM.format(c=name)
    rounded = f"round({total}, {type_.scale})" if type_.kind == "numeric" else total
    return _SET[action].format(c=name, sum=rounded)
