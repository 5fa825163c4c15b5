"""The tables of read models and the view that shows people a projection's active rows: made, emptied and dropped.

A view has one arm per target that exists, each joined with its build: which rows it shows follows from the build's state,
so promoting a build changes no view.
"""

# ruff: noqa: S608  # the pieces are quoted names and constants

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ..read_model import Column, Shape, Target
from .column_types import checked, converted, declared, parameter
from .json_paths import extracted
from .names import check_shape, identifier, literal, table_name, target_of, view_name
from .statements import SQL

__all__ = ["clear_target", "create_target", "drop_target", "table_exists"]

_DOCUMENT_COLUMNS = "key text not null,\n  data text not null,\n  version integer not null"


def create_target(cursor: sqlite3.Cursor, target: Target, shape: Shape) -> None:
    """The table, its indexes, the view."""
    if shape.kind == "handler" or table_exists(cursor, target):
        return
    check_shape(shape)
    cursor.execute(_table(target, shape))
    for number, parts in enumerate(shape.indexes, 1):
        cursor.execute(_index(target, shape, number, parts))
    _renew_view(cursor, target.projection)


def drop_target(cursor: sqlite3.Cursor, target: Target, shape: Shape) -> None:
    """The table goes, and its arm of the view."""
    if shape.kind == "handler" or not table_exists(cursor, target):
        return
    cursor.execute(f"drop table {identifier(table_name(target))}")
    _renew_view(cursor, target.projection)


def clear_target(cursor: sqlite3.Cursor, tenant: str, target: Target) -> None:
    """The tenant's rows go. A target without a table has none."""
    if table_exists(cursor, target):
        cursor.execute(f"delete from {identifier(table_name(target))} where tenant = ?", (tenant,))


def table_exists(cursor: sqlite3.Cursor, target: Target) -> bool:
    """Whether the target's table is there."""
    (found,) = cursor.execute(SQL["table_exists"], (table_name(target),)).fetchone()
    return bool(found)


def _table(target: Target, shape: Shape) -> str:
    of_documents = shape.kind == "document"
    columns = _DOCUMENT_COLUMNS if of_documents else ",\n  ".join(_column(one, shape.key) for one in shape.columns)
    primary = ", ".join(["tenant", "key"] if of_documents else ["tenant", *map(identifier, shape.key)])
    # rows without a rowid are found by one look-up, not two; documents are too long for that
    kept = "" if of_documents else " without rowid"
    name = identifier(table_name(target))
    return f"create table {name} (\n  tenant text not null,\n  {columns},\n  primary key ({primary})\n){kept}"


def _column(column: Column, key: tuple[str, ...]) -> str:
    name = identifier(column.name)
    null = " not null" if column.name in key else ""
    default = "" if column.default is None else f" default {_constant(column)}"
    condition = checked(column.type, name)
    rule = identifier(f"{column.name} is of type {column.type}")
    check = "" if condition is None else f" constraint {rule} check ({condition})"
    return f"{name} {declared(column.type)}{null}{default}{check}"


def _constant(column: Column) -> str:
    value: Any = parameter(column.type, converted(column.type, column.default))
    return literal(value) if isinstance(value, str) else repr(value if isinstance(value, float) else int(value))


def _index(target: Target, shape: Shape, number: int, parts: Sequence[str]) -> str:
    """For a document, over the values at paths, and its key: so that an equal value's documents come in their order."""
    table = table_name(target)
    if shape.kind == "document":
        fields = [*(extracted("data", part) for part in parts), "key"]
    else:  # without a rowid, the primary key is in every index
        fields = [identifier(part) for part in parts]
    return f"create index {identifier(f'{table}_{number}')} on {identifier(table)} (tenant, {', '.join(fields)})"


def _renew_view(cursor: sqlite3.Cursor, projection: str) -> None:
    view = view_name(projection)
    tables = [name for (name,) in cursor.execute(SQL["tables_like"], (f"{view}_v",))]
    found = [target for target in map(target_of, tables) if target is not None and target.projection == projection]
    cursor.execute(f"drop view if exists {identifier(view)}")
    if found:
        arms = [(target, _columns(cursor, target)) for target in sorted(found, reverse=True)]
        newest = arms[0][1]
        text = "\nunion all\n".join(_arm(target, newest, own) for target, own in arms)
        cursor.execute(f"create view {identifier(view)} as\n{text}")


def _columns(cursor: sqlite3.Cursor, target: Target) -> list[str]:
    return [name for (name,) in cursor.execute(SQL["table_columns"], (table_name(target),))]


def _arm(target: Target, columns: Sequence[str], own: Sequence[str]) -> str:
    selected = ", ".join(f"{f't.{identifier(c)}' if c in own else 'null'} as {identifier(c)}" for c in columns)
    return (
        f"select {selected} from {identifier(table_name(target))} t join everfold_projection_build b on b.tenant = t.tenant "
        f"and b.projection = {literal(target.projection)} and b.version = {target.version} "
        f"and b.generation = {target.generation} and b.state = 'active'"
    )
