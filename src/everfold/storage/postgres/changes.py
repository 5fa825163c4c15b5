"""What a batch does to a declared table, as one statement for its deletes and one for each Upserts. Pure.

Rows go in the order of their keys, so two writers of one table lock them in one order.
"""

# ruff: noqa: S608  # the pieces are quoted names and constants; every value is bound

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from ...errors import StatementError
from ..columns import ColumnType
from ..read_model import Shape, TableChanges, Target
from .column_types import held_as
from .names import identifier, qualified, table_name
from .packing import Packed
from .statements import Statement

__all__ = ["change_statements", "on_conflict"]

_SET = {
    "set": "{c} = excluded.{c}",
    "add": "{c} = coalesce(t.{c}, 0) + excluded.{c}",
    "min": "{c} = least(t.{c}, excluded.{c})",
    "max": "{c} = greatest(t.{c}, excluded.{c})",
}
"""By action; `key` and `initial` leave the row's value."""

_FIXED = 1


def change_statements(schema: str, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> list[Statement]:
    """In the order in which they are to run. Raises StatementError for a value that is not of its column's type."""
    found: list[Statement] = []
    if changes.deletes:
        types = tuple(shape.column(name).type for name in shape.key)
        rows = _by_key(shape, changes.deletes)
        found.append((_delete(schema, target, shape), (tenant, *_packed(types, rows))))
    for upserts in changes.upserts:
        if upserts.rows:
            types = tuple(shape.column(name).type for name in upserts.columns)
            text = _upsert(schema, target, shape, upserts.columns, upserts.actions)
            found.append((text, (tenant, *_packed(types, _by_key(shape, upserts.rows)))))
    return found


def _by_key(shape: Shape, rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    try:
        return sorted(rows, key=itemgetter(*range(len(shape.key))))
    except TypeError:
        raise StatementError("a key column is null, or of different types in two rows") from None


def _packed(types: tuple[ColumnType, ...], rows: Sequence[tuple[Any, ...]]) -> list[Packed]:
    columns = zip(types, zip(*rows, strict=True), strict=True)
    return [_packed_column(type_, values) for type_, values in columns]


def _packed_column(type_: ColumnType, values: Sequence[Any]) -> Packed:
    try:
        return held_as(type_).pack(values)
    except (TypeError, ValueError, AttributeError, struct.error):
        return held_as(type_).pack([_converted(type_, value) for value in values])


def _converted(type_: ColumnType, value: Any) -> Any:
    try:
        return type_.convert(value)
    except ValueError as error:
        raise StatementError(str(error)) from error


@lru_cache(maxsize=512)
def _delete(schema: str, target: Target, shape: Shape) -> bytes:
    table = qualified(schema, table_name(target))
    rows, selected = _rows(shape, shape.key)
    names = [identifier(name) for name in shape.key]
    same = " and ".join(f"t.{name} = d.{name}" for name in names)
    text = f"delete from {table} t using (select {selected} from {rows}) d({', '.join(names)}) where t.tenant = $1 and {same}"
    return text.encode()


@lru_cache(maxsize=512)
def _upsert(schema: str, target: Target, shape: Shape, columns: tuple[str, ...], actions: tuple[str, ...]) -> bytes:
    names = [identifier(name) for name in columns]
    rows, selected = _rows(shape, columns, actions)
    text = (
        f"insert into {qualified(schema, table_name(target))} as t (tenant, {', '.join(names)}) "
        f"select $1, {selected} from {rows} {on_conflict(shape, columns, actions)}"
    )
    return text.encode()


def on_conflict(shape: Shape, columns: Sequence[str], actions: Sequence[str]) -> str:
    """What an insert into the table, called t, does with a row that is there already."""
    names = [identifier(name) for name in columns]
    assigned = [_SET[a].format(c=c) for c, a in zip(names, actions, strict=True) if a in _SET]
    conflict = f"do update set {', '.join(assigned)}" if assigned else "do nothing"
    return f"on conflict (tenant, {', '.join(map(identifier, shape.key))}) {conflict}"


def _rows(shape: Shape, columns: tuple[str, ...], actions: tuple[str, ...] = ()) -> tuple[str, str]:
    """The arrays as rows `u(c1, c2, …)`, and the columns selected from them in their declared types."""
    held = [held_as(shape.column(name).type) for name in columns]
    arrays = ", ".join(f"${number + _FIXED}::{one.sent}[]" for number, one in enumerate(held, 1))
    values = [
        f"u.c{n}" if one.sent == one.declared.split(" ")[0] else f"u.c{n}::{one.declared}"
        for n, one in enumerate(held, 1)
    ]
    for place, action in enumerate(actions):
        if action == "add":
            values[place] = f"coalesce({values[place]}, 0)"
    marks = ", ".join(f"c{number}" for number in range(1, len(held) + 1))
    return f"unnest({arrays}) u({marks})", ", ".join(values)
