"""What a batch does to the rows of a declared table: the specification that every backend's statements follow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import StatementError
from ..columns import ColumnType
from ..read_model import Shape, TableChanges, Upserts

__all__ = ["Key", "Row", "changed_rows"]

Key = tuple[Any, ...]
Row = dict[str, Any]


def changed_rows(shape: Shape, rows: Mapping[Key, Row], changes: TableChanges) -> dict[Key, Row | None]:
    """Every row that the batch touches as it is afterwards, by key; None for one that went. Raises StatementError."""
    changed: dict[Key, Row | None] = {tuple(key): None for key in changes.deletes}
    for upserts in changes.upserts:
        for key, values in _keyed(shape, upserts):
            old = changed[key] if key in changed else rows.get(key)
            changed[key] = _upserted(shape, old, upserts, values)
    return changed


def _keyed(shape: Shape, upserts: Upserts) -> Iterator[tuple[Key, tuple[Any, ...]]]:
    types = [shape.column(name).type for name in upserts.columns]
    for values in upserts.rows:
        held = tuple(_held(type_, value) for type_, value in zip(types, values, strict=True))
        key = held[: len(shape.key)]
        if None in key:
            raise StatementError("a key column is null")
        yield key, held


def _upserted(shape: Shape, old: Row | None, upserts: Upserts, values: tuple[Any, ...]) -> Row:
    row = {column.name: column.default for column in shape.columns} if old is None else dict(old)
    for name, action, value in zip(upserts.columns, upserts.actions, values, strict=True):
        row[name] = _acted(shape.column(name).type, action, (row[name], value), new=old is None)
    return row


def _acted(type_: ColumnType, action: str, pair: tuple[Any, Any], *, new: bool) -> Any:
    before, value = (None, pair[1]) if new else pair
    match action:
        case "add":
            return _held(type_, (before or 0) + (value or 0))
        case "min" | "max":
            there = [one for one in (before, value) if one is not None]
            return (min if action == "min" else max)(there, default=None)
        case "initial":
            return value if new else before
        case _:
            return value


def _held(type_: ColumnType, value: Any) -> Any:
    try:
        return type_.convert(value)
    except ValueError as error:
        raise StatementError(str(error)) from error
