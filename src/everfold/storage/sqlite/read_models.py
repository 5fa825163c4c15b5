"""What readers of read models ask: the rows of one target, and which target is the active one, in one snapshot."""

# ruff: noqa: S608  # the pieces are quoted names and constants; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..read_model import Found, Selection, Shape, StoredDocument, Target
from .column_types import loads
from .control import active_target
from .documents import DOCUMENT_COLUMNS, stored_documents
from .errors import translate_statement
from .names import identifier, table_name
from .selection import Selecting
from .target_tables import table_exists

__all__ = ["ReadModels"]


class ReadModels:
    """Of the file at `path`. Each verb is one look, inside a read transaction that its caller holds open."""

    def __init__(self, path: str) -> None:
        self._path = path

    def documents(self, cursor: sqlite3.Cursor, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        """At these keys, by primary key."""
        return self._found(
            cursor, tenant, target, lambda: Found(None, documents=stored_documents(cursor, tenant, target, keys))
        )

    def select(self, cursor: sqlite3.Cursor, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        """See the port."""

        def found() -> Found:
            selecting = Selecting(shape, selection, tenant)
            condition = selecting.where() + selecting.page()
            if shape.kind == "document":
                rows = _rows(cursor, DOCUMENT_COLUMNS, target, condition, selecting.parameters)
                return Found(None, documents={key: StoredDocument(data, version) for key, data, version in rows})
            columns = ", ".join(f"t.{identifier(column.name)}" for column in shape.columns)
            return Found(None, rows=_dicts(shape, _rows(cursor, columns, target, condition, selecting.parameters)))

        return self._found(cursor, tenant, target, found)

    def count(self, cursor: sqlite3.Cursor, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        """See the port."""

        def found() -> Found:
            selecting = Selecting(shape, selection, tenant)
            condition = selecting.where()
            ((count,),) = _rows(cursor, "count(*)", target, condition, selecting.parameters)
            return Found(None, count=count)

        return self._found(cursor, tenant, target, found)

    def _found(self, cursor: sqlite3.Cursor, tenant: str, target: Target, look: Callable[[], Found]) -> Found:
        active = active_target(cursor, tenant, target.projection)
        try:
            return replace(look(), active=active)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
            if isinstance(error, sqlite3.OperationalError) and not table_exists(cursor, target):
                return Found(active, missing=True)
            raise translate_statement(error, self._path) from error


def _rows(
    cursor: sqlite3.Cursor, columns: str, target: Target, condition: str, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    text = f"select {columns} from {identifier(table_name(target))} t where t.tenant = :tenant{condition}"
    return cursor.execute(text, parameters).fetchall()


def _dicts(shape: Shape, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    names = [column.name for column in shape.columns]
    loading = loads([column.type for column in shape.columns])
    if not loading:
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [dict(zip(names, _loaded(list(row), loading), strict=True)) for row in rows]


def _loaded(row: list[Any], loading: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    for place, load in loading:
        if row[place] is not None:
            row[place] = load(row[place])
    return row
