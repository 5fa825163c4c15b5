"""Read models in memory: a table of documents or rows for each target, by tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import StatementError
from ..read_model import Found, Selection, Shape, StoredDocument, TableChanges, Target
from .changes import Row, changed_rows
from .conditions import fitting
from .journal import Journal
from .selecting import document_candidate, matches, ordered

__all__ = ["Models", "no_sql"]


class Models:
    """Every target's table. Without a lock: its owner has one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._shapes: dict[Target, Shape] = {}
        self._tables: dict[tuple[str, Target], dict[Any, Any]] = {}

    def create(self, target: Target, shape: Shape) -> None:
        """The target's table, unless it is there; a handler's target has none."""
        if shape.kind != "handler" and target not in self._shapes:
            self._journal.put(self._shapes, target, shape)

    def drop(self, target: Target) -> None:
        """The table goes, with every tenant's rows."""
        self._journal.drop(self._shapes, target)
        for place in [place for place in self._tables if place[1] == target]:
            self._journal.drop(self._tables, place)

    def clear(self, tenant: str, target: Target) -> None:
        """The tenant's rows go."""
        self._journal.drop(self._tables, (tenant, target))

    def documents(self, tenant: str, target: Target, keys: Sequence[str]) -> dict[str, StoredDocument]:
        """The documents at these keys."""
        table = self._table(tenant, target)
        return {key: table[key] for key in keys if key in table}

    def save(
        self, tenant: str, target: Target, documents: Mapping[str, StoredDocument], deletes: Sequence[str]
    ) -> None:
        """Delete, then insert or replace."""
        table = self._table(tenant, target)
        for key in deletes:
            self._journal.drop(table, key)
        for key, document in documents.items():
            self._journal.put(table, key, document)

    def change(self, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
        """Apply a batch to a table's rows."""
        table = self._table(tenant, target)
        for key, row in changed_rows(shape, table, changes).items():
            if row is None:
                self._journal.drop(table, key)
            else:
                self._journal.put(table, key, row)

    def stored(self, tenant: str, target: Target, keys: Sequence[str], active: Target | None) -> Found:
        """The documents at these keys, for a reader."""
        if target not in self._shapes:
            return Found(active, missing=True)
        return Found(active, documents=self.documents(tenant, target, keys))

    def select(self, tenant: str, target: Target, shape: Shape, selection: Selection, active: Target | None) -> Found:
        """What is selected, for a reader."""
        if target not in self._shapes:
            return Found(active, missing=True)
        found = self._selected(tenant, target, shape, selection)
        if shape.kind == "document":
            return Found(active, documents=dict(found))
        return Found(active, rows=[_given(shape, row) for _, row in found])

    def count(self, tenant: str, target: Target, shape: Shape, selection: Selection, active: Target | None) -> Found:
        """How many are selected, wherever the reader's page begins and ends."""
        if target not in self._shapes:
            return Found(active, missing=True)
        anywhere = Selection(where=selection.where, sql=selection.sql, parameters=selection.parameters)
        return Found(active, count=len(self._selected(tenant, target, shape, anywhere)))

    def _selected(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> list[tuple[Any, Any]]:
        table = list(self._table(tenant, target).items())
        if selection.sql is not None:
            if shape.kind != "table":
                raise StatementError("documents have no columns for a condition in SQL")
            table = fitting(shape, table, selection.sql, selection.parameters)
        if shape.kind == "document":
            candidates = [(pair, document_candidate(pair[0], pair[1].data)) for pair in table]
        else:
            candidates = [(pair, pair[1].__getitem__) for pair in table]
        fit = (one for one in candidates if matches(one[1], selection.where))
        return ordered(fit, selection, ("key",) if shape.kind == "document" else shape.key)

    def _table(self, tenant: str, target: Target) -> dict[Any, Any]:
        if target not in self._shapes:
            raise StatementError(f"there is no table {target.table!r}")
        return self._tables.setdefault((tenant, target), {})


def no_sql() -> StatementError:
    """The error of whoever brings SQL to memory."""
    return StatementError("the memory store runs no statements; open the store on sqlite:// or postgresql://")


def _given(shape: Shape, row: Row) -> Row:
    """A row as it is handed out: with JSON of its own."""
    return {column.name: column.type.convert(row[column.name]) for column in shape.columns}
