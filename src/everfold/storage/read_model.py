"""What crosses the port for read models: where one stands, its shape, what a batch changes in it, what a reader asks.

One read model is built by one (projection, version, generation): its target, a table of its own, shared by the tenants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from .columns import ColumnType

__all__ = [
    "Action",
    "Column",
    "Condition",
    "Found",
    "Selection",
    "Shape",
    "StoredDocument",
    "TableChanges",
    "Target",
    "Upserts",
]


class Target(msgspec.Struct, frozen=True, order=True):
    """One build of a projection: `generation` counts the builds of one version, from 1."""

    projection: str
    version: int
    generation: int = 1

    @property
    def consumer(self) -> str:
        """The name of the consumer that feeds it: `revenue@2`, and `revenue@2.3` for the third generation."""
        again = f".{self.generation}" if self.generation > 1 else ""
        return f"{self.projection}@{self.version}{again}"

    @property
    def table(self) -> str:
        """The last part of its table's name: `revenue_v2`, `revenue_v2_g3`. Projection names are identifiers."""
        again = f"_g{self.generation}" if self.generation > 1 else ""
        return f"{self.projection}_v{self.version}{again}"


class Column(msgspec.Struct, frozen=True):
    """A column of a declared table. `default` is what a new row has: 0 where something is counted, else None."""

    name: str
    type: ColumnType
    default: Any = None


class Shape(msgspec.Struct, frozen=True):
    """`kind`: "document" (JSON by key; `indexes` are paths into it), "table" (declared columns) or "handler" (no table)."""

    kind: str
    columns: tuple[Column, ...] = ()
    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class StoredDocument(msgspec.Struct, frozen=True):
    """A document as JSON bytes. `version`: of the last event in it, for a document that is one stream's; else 0."""

    data: bytes
    version: int = 0


Action = str
"""What an upsert does with a column: "key", "set", "add", "min", "max", or "initial" (only when the row is new)."""


@dataclass(frozen=True, slots=True)
class Upserts:
    """Rows that change the same columns in the same way: one statement. No key stands in two rows of a batch.

    `columns` begin with the key columns, in the shape's order; `actions` has one per column; `rows` hold values as
    `ColumnType.convert` gives them. A row that is new has each column's value (for "add", "min" and "max" as well) and the
    defaults of the others. "min" and "max" leave out None, on both sides; "add" counts None as 0.
    """

    columns: tuple[str, ...]
    actions: tuple[Action, ...]
    rows: Sequence[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What a batch does to a table: first the rows of `deletes` (key values) go, then the upserts, in their order."""

    deletes: Sequence[tuple[Any, ...]] = ()
    upserts: Sequence[Upserts] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """`field` (a column, or a dotted path into a document) compared with a value; `operator`: = != < <= > >= in.

    A missing path and a JSON null are None: they equal None and nothing else, and no order holds for them. Numbers
    compare as numbers, text by code points, booleans equal booleans only. For "in" the value is a tuple.
    """

    field: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows, in which order. `sql` with `parameters` is a condition in the application's own words, `%s` marked.

    `order_by`: (field, descending); the key columns are appended, so the order is total. None (null, missing) comes last,
    descending too. `after`: the values of all these of the last row seen (keyset paging). `key` is the field of a
    document's key.
    """

    where: tuple[Condition, ...] = ()
    sql: str | None = None
    parameters: tuple[Any, ...] = ()
    order_by: tuple[tuple[str, bool], ...] = ()
    after: tuple[Any, ...] | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader got from one snapshot: the rows of the target it asked, and which target is the active one.

    When `active` is not the one asked for, the reader asks that one instead. `documents` for a document target, in
    order; `rows` (column → value as `convert` gives it) for a table. `missing`: the target's table is gone.
    """

    active: Target | None
    documents: Mapping[str, StoredDocument] = field(default_factory=dict)
    rows: Sequence[dict[str, Any]] = ()
    count: int = 0
    missing: bool = False
