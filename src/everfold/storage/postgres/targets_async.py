"""Creating, dropping and emptying the tables of read models, inside a transaction.

A reader of a view may take minutes, and whoever waits for its lock holds up every later reader: so each step that
needs a relation for itself gives up after a second. What is there already is left alone, and needs no right to create.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from ...errors import SchemaError
from ..read_model import Shape, Target
from .errors import create_refused, needs_dropping, view_in_use
from .names import literal, qualified, table_name, view_name
from .session_async import AsyncSession
from .target_tables import arms_of, create_table, view_comment, view_text

__all__ = ["clear_target", "create_target", "drop_target"]

Statements = Mapping[str, bytes]

_LOCK_SECONDS = 1


async def create_target(session: AsyncSession, sql: Statements, schema: str, target: Target, shape: Shape) -> None:
    """The table, its indexes, the view. Raises SchemaError for a role that may not."""
    if shape.kind == "handler":
        return
    script = create_table(schema, target, shape)
    previous = await _enter(session, sql, target)
    try:
        if not await _exists(session, sql, schema, table_name(target)):
            await session.run(script)
            await _share(session, sql, schema, table_name(target), view=False)
        await _renew_view(session, sql, schema, target)
    except psycopg.Error as error:
        refusal = create_refused(error)
        if refusal is None:
            raise
        raise refusal from error
    await session.fetch(sql["set_lock_timeout"], previous)


async def drop_target(session: AsyncSession, sql: Statements, schema: str, target: Target, shape: Shape) -> None:
    """The table goes, and its arm of the view before it."""
    if shape.kind == "handler":
        return
    previous = await _enter(session, sql, target)
    try:
        if await _exists(session, sql, schema, table_name(target)):
            await _renew_view(session, sql, schema, target, without=target)
            await session.run(f"drop table {qualified(schema, table_name(target))}")
    except psycopg.Error as error:
        refusal = create_refused(error)
        if refusal is None:
            raise
        raise refusal from error
    await session.fetch(sql["set_lock_timeout"], previous)


async def clear_target(session: AsyncSession, sql: Statements, schema: str, tenant: str, target: Target) -> None:
    """The tenant's rows go. A target without a table has none."""
    if await _exists(session, sql, schema, table_name(target)):
        await session.fetch_none(
            f"delete from {qualified(schema, table_name(target))} t where t.tenant = $1".encode(),  # noqa: S608
            tenant,
        )


async def _enter(session: AsyncSession, sql: Statements, target: Target) -> str:
    """One at a time changes a projection's tables. Gives the session's lock_timeout, to be set again."""
    found: str = await session.value(sql["lock_timeout"])
    await session.fetch(sql["set_lock_timeout"], f"{_LOCK_SECONDS}s")
    await session.fetch(sql["lock_targets"], target.projection)
    return found


async def _exists(session: AsyncSession, sql: Statements, schema: str, name: str) -> bool:
    found: bool = await session.value(sql["table_exists"], qualified(schema, name))
    return found


async def _share(session: AsyncSession, sql: Statements, schema: str, name: str, *, view: bool) -> None:
    """Grant on it what roles have on table consumer."""
    grants = await session.fetch(sql["grants"], qualified(schema, name), view)
    for (grant,) in grants:
        await session.run(grant)


async def _renew_view(
    session: AsyncSession, sql: Statements, schema: str, target: Target, *, without: Target | None = None
) -> None:
    view = view_name(target)
    tables = await session.fetch(sql["target_tables"], schema, f"{view}_v")
    arms = [arm for arm in arms_of(target.projection, tables) if arm.target != without]
    if not arms:
        await session.run(f"drop view if exists {qualified(schema, view)}")
        return
    text = view_text(schema, arms)
    comment = view_comment(target.projection, text)
    if await session.value(sql["view_comment"], qualified(schema, view)) == comment:
        return
    await _replace_view(session, qualified(schema, view), text)
    await session.run(f"comment on view {qualified(schema, view)} is {literal(comment)}")
    await _share(session, sql, schema, view, view=True)


async def _replace_view(session: AsyncSession, view: str, text: str) -> None:
    """In place where the columns allow it, so that what stands on the view stays; else anew."""
    await session.run("savepoint everfold_view")
    try:
        await session.run(f"create or replace view {view} as\n{text}")
    except psycopg.Error as error:
        if not needs_dropping(error):
            raise
        await session.run("rollback to savepoint everfold_view")
        await _drop_view(session, view)
        await session.run(f"create view {view} as\n{text}")
    await session.run("release savepoint everfold_view")


async def _drop_view(session: AsyncSession, view: str) -> None:
    try:
        await session.run(f"drop view {view}")
    except psycopg.Error as error:
        if not view_in_use(error):
            raise
        raise SchemaError(
            f"the columns of view {view} change, but something of yours stands on it. Drop that first, and make it again after."
        ) from error
