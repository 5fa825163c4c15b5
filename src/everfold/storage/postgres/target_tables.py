"""The tables of read models, and the view that shows people a projection's active rows, as SQL text. Pure.

A view has one arm per target that exists, each joined with its build: which rows it shows follows from the build's state,
so promoting a build changes no view.
"""

# ruff: noqa: S608  # the pieces are quoted names and constants

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..read_model import Column, Shape, Target
from .column_types import held_as
from .names import check_shape, identifier, literal, qualified, table_name, view_name

__all__ = ["Arm", "arms_of", "create_table", "document_path", "view_comment", "view_text"]

_DOCUMENT_COLUMNS = 'key text collate "C" not null,\n  data json not null,\n  version bigint not null'
_DOCUMENT_KEY: tuple[str, ...] = ("key",)


@dataclass(frozen=True, slots=True)
class Arm:
    """A target that exists, with its table's columns (name, type) in their order."""

    target: Target
    columns: tuple[tuple[str, str], ...]


def create_table(schema: str, target: Target, shape: Shape) -> str:
    """The table and its indexes, as a script."""
    check_shape(shape)
    table = qualified(schema, table_name(target))
    if shape.kind == "document":
        columns, key = _DOCUMENT_COLUMNS, _DOCUMENT_KEY
        indexed = [[f"({document_path(part)})" for part in paths] for paths in shape.indexes]
    else:
        columns, key = ",\n  ".join(_declared(column, shape.key) for column in shape.columns), shape.key
        indexed = [[identifier(part) for part in paths] for paths in shape.indexes]
    primary = ", ".join(["tenant", *map(identifier, key)])
    text = (
        f'create table {table} (\n  tenant text collate "C" not null,\n  {columns},\n  primary key ({primary})\n) '
        "with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);\n"
    )
    return text + "".join(f"create index on {table} (tenant, {', '.join(parts)});\n" for parts in indexed)


def document_path(path: str, table: str = "") -> str:
    """The JSON value at a dotted path through a document's objects; null where there is none."""
    steps = "".join(f" -> {literal(step)}" for step in path.split("."))
    return f"({table}data::jsonb{steps})"


def arms_of(projection: str, tables: Iterable[tuple[str, Sequence[Sequence[str]]]]) -> list[Arm]:
    """The targets of a projection among these tables (name, columns), the newest first."""
    pattern = re.compile(re.escape(view_name(Target(projection, 1))) + r"_v([0-9]+)(?:_g([0-9]+))?")
    found = [(pattern.fullmatch(name), columns) for name, columns in tables]
    arms = [
        Arm(Target(projection, int(match[1]), int(match[2] or 1)), tuple((name, type_) for name, type_ in columns))
        for match, columns in found
        if match
    ]
    return sorted(arms, key=lambda arm: arm.target, reverse=True)


def view_text(schema: str, arms: Sequence[Arm]) -> str:
    """The view's query; its columns are those of the first arm, with null for what another lacks or has of another type."""
    columns = arms[0].columns
    return "\nunion all\n".join(_arm(schema, arm, columns) for arm in arms)


def view_comment(projection: str, text: str) -> str:
    """What the view says about itself; it tells whether the view is up to date."""
    return f"The active rows of projection {projection}, of every tenant. Definition {zlib.crc32(text.encode()):08x}."


def _arm(schema: str, arm: Arm, columns: Sequence[tuple[str, str]]) -> str:
    own = dict(arm.columns)
    selected = ", ".join(_selected(name, type_, own.get(name)) for name, type_ in columns)
    target = arm.target
    return (
        f"select {selected} from {qualified(schema, table_name(target))} t join {qualified(schema, 'projection_build')} b "
        f"on b.tenant = t.tenant and b.projection = {literal(target.projection)} and b.version = {target.version} "
        f"and b.generation = {target.generation} and b.state = 'active'"
    )


def _selected(name: str, type_: str, own: str | None) -> str:
    quoted, family = identifier(name), _family(type_)
    if own is None or _family(own) != family:
        return f"null::{family} as {quoted}"
    return f"t.{quoted}::{family} as {quoted}"


def _family(type_: str) -> str:
    """What a column of the view is, so that it holds what every version of the table has."""
    return {"json": "jsonb"}.get(type_, type_)


def _declared(column: Column, key: tuple[str, ...]) -> str:
    default = "" if column.default is None else f" default {_constant(column.default)}"
    return (
        f"{identifier(column.name)} {held_as(column.type).declared}{' not null' if column.name in key else ''}{default}"
    )


def _constant(value: Any) -> str:
    return str(value).lower() if isinstance(value, (bool, int, Decimal)) else literal(str(value))
