"""What readers of read models ask: the rows of one target, and which target is the active one, in one statement.

One statement has one snapshot, so a reader that asked the wrong target is told so by the same look.
"""

# ruff: noqa: S608  # the pieces are quoted names and constants; every value is bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import psycopg

from ..read_model import Found, Selection, Shape, StoredDocument, Target
from .column_types import held_as
from .errors import missing_table, stale_plan, translate_statement
from .names import identifier, qualified, table_name
from .packing import pack_texts
from .selection import Selecting
from .session_async import AsyncSession

__all__ = ["AsyncReadModels"]

_DOCUMENT = "t.key, t.data, t.version"


class AsyncReadModels:
    """Of one schema."""

    def __init__(self, schema: str, sql: Mapping[str, bytes]) -> None:
        self._schema = schema
        self._sql = sql

    async def documents(self, session: AsyncSession, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        """At these keys, by primary key."""
        text = _text(self._schema, target, _DOCUMENT, " and t.key = any ($3::text[])")
        return await self._found(session, target, text, (tenant, target.projection, pack_texts(keys)), _documents)

    async def select(self, session: AsyncSession, place: tuple[str, Target, Shape], selection: Selection) -> Found:
        """`place`: the tenant, the target, its shape."""
        tenant, target, shape = place
        selecting = Selecting(shape, selection, (tenant, target.projection))
        condition = selecting.where() + selecting.page()
        if shape.kind == "document":
            text = _text(self._schema, target, _DOCUMENT, condition)
            return await self._found(session, target, text, selecting.parameters, _documents)
        columns = ", ".join(f"t.{identifier(column.name)}" for column in shape.columns)
        text = _text(self._schema, target, columns, condition)
        return await self._found(session, target, text, selecting.parameters, _Rows(shape))

    async def count(self, session: AsyncSession, place: tuple[str, Target, Shape], selection: Selection) -> Found:
        """`place` as above."""
        tenant, target, shape = place
        selecting = Selecting(shape, selection, (tenant, target.projection))
        text = _text(self._schema, target, "count(*)", selecting.where())
        return await self._found(session, target, text, selecting.parameters, _count)

    async def _found(
        self, session: AsyncSession, target: Target, text: str, parameters: Sequence[Any], made: Any
    ) -> Found:
        try:
            rows = await self._rows(session, text.encode(), parameters)
        except psycopg.Error as error:
            if missing_table(error) and not await self._exists(session, target):
                return Found(await self._active(session, target, parameters[0]), missing=True)
            raise translate_statement(error) from error
        version, generation = rows[0][:2]
        active = None if version is None else Target(target.projection, version, generation)
        found: Found = made(active, [row[3:] for row in rows if row[2]])
        return found

    async def _rows(self, session: AsyncSession, text: bytes, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return await session.fetch(text, *parameters)
        except psycopg.Error as error:
            if not stale_plan(error):
                raise
        rows = await session.fetch_unprepared(text, *parameters)
        session.abandon()  # its plans go with it
        return rows

    async def _exists(self, session: AsyncSession, target: Target) -> bool:
        found: bool = await session.value(self._sql["table_exists"], qualified(self._schema, table_name(target)))
        return found

    async def _active(self, session: AsyncSession, target: Target, tenant: str) -> Target | None:
        row = await session.fetch_one(self._sql["active_build"], tenant, target.projection)
        return None if row is None else Target(target.projection, *row)


class _Rows:
    """Makes rows of a shape."""

    def __init__(self, shape: Shape) -> None:
        self._names = [column.name for column in shape.columns]
        loads = [held_as(column.type).load for column in shape.columns]
        self._loads = [(place, load) for place, load in enumerate(loads) if load is not None]

    def __call__(self, active: Target | None, rows: list[tuple[Any, ...]]) -> Found:
        return Found(active, rows=[dict(zip(self._names, self._loaded(row), strict=True)) for row in rows])

    def _loaded(self, row: tuple[Any, ...]) -> Sequence[Any]:
        if not self._loads:
            return row
        values = list(row)
        for place, load in self._loads:
            if values[place] is not None:
                values[place] = load(values[place])
        return values


def _documents(active: Target | None, rows: list[tuple[Any, ...]]) -> Found:
    return Found(active, documents={key: StoredDocument(data, version) for key, data, version in rows})


def _count(active: Target | None, rows: list[tuple[Any, ...]]) -> Found:
    return Found(active, count=rows[0][0])


@lru_cache(maxsize=512)
def _text(schema: str, target: Target, columns: str, condition: str) -> str:
    """$1 is the tenant, $2 the projection. A row whose third column is null says only which build is active."""
    return (
        "select a.version, a.generation, r.* from (select 1) one "
        f"left join (select b.version, b.generation from {qualified(schema, 'projection_build')} b "
        "where b.tenant = $1 and b.projection = $2 and b.state = 'active') a on true "
        f"left join lateral (select true, {columns} from {qualified(schema, table_name(target))} t "
        f"where t.tenant = $1{condition}) r on true"
    )
