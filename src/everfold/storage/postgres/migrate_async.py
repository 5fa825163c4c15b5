"""Bringing a database to this release's schema, one process at a time, each time all or nothing.

The self-test runs whenever a store is opened: what would let the horizon skip an event is found before anything is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ...errors import ConfigurationError, SchemaError
from ...runtime.concurrency_async import Later
from ..unit import SchemaStatus
from .schema import check_mode, lock_key, refuse_unfit, script, status_of
from .session_async import AsyncSession

__all__ = ["found_status", "migrate", "pending_script", "self_test"]

Run = Callable[[Callable[[AsyncSession], Later[Any]]], Later[Any]]


async def migrate(session: AsyncSession, sql: Mapping[str, bytes], schema: str, mode: str) -> SchemaStatus:
    """Do what `mode` allows. Raises SchemaError when the schema doesn't fit afterwards, psycopg.Error."""
    check_mode(mode)
    status = await found_status(session, sql, schema)
    if status.pending and mode != "never" and (status.found == 0 or mode == "auto"):
        status = await _upgrade(session, sql, schema)
    refuse_unfit(schema, status)
    return status


async def found_status(session: AsyncSession, sql: Mapping[str, bytes], schema: str) -> SchemaStatus:
    """What the schema holds. Raises SchemaError when it belongs to something else."""
    return status_of(schema, await _applied(session, sql, schema))


async def pending_script(session: AsyncSession, sql: Mapping[str, bytes], schema: str) -> str:
    """The SQL that `migrate` would run, for an administrator; "" when there is none."""
    status = await found_status(session, sql, schema)
    objects = await session.fetch_one(sql["schema_objects"], schema)
    assert objects is not None
    return script(schema, status.found, create_schema=not objects[0])


async def self_test(run: Run, sql: Mapping[str, bytes]) -> None:
    """Raise ConfigurationError unless a horizon lock is seen, by its own session and by a second one."""

    async def first(session: AsyncSession) -> list[str]:
        await session.run(b"begin")
        try:
            problems: list[str] = await session.value(sql["self_test"])
            if not problems and await run(second) is None:
                problems.append("a horizon lock is not seen by another session")
        finally:
            await session.run(b"rollback")
        return problems

    async def second(session: AsyncSession) -> int | None:
        found: int | None = await session.value(sql["lowest_open"])
        return found

    problems = await run(first)
    if problems:
        raise ConfigurationError(
            f"this database can't hold readers back safely: {'; '.join(problems)}. Undo what changed the schema by hand, "
            "or create the store in another schema."
        )


async def _applied(session: AsyncSession, sql: Mapping[str, bytes], schema: str) -> list[Any]:
    objects = await session.fetch_one(sql["schema_objects"], schema)
    assert objects is not None
    _, is_store, in_use = objects
    if is_store:
        return await session.fetch(sql["applied_migrations"])
    if in_use:
        raise SchemaError(
            f'schema "{schema}" holds tables of something else, and no store. Name another one with ?schema=…; '
            "it is created when it is missing."
        )
    return []


async def _upgrade(session: AsyncSession, sql: Mapping[str, bytes], schema: str) -> SchemaStatus:
    """Look again under the lock: another process may have been faster."""
    await session.run(b"begin")
    try:
        await session.fetch(sql["lock_migrations"], lock_key(schema))
        status = await found_status(session, sql, schema)
        text = await pending_script(session, sql, schema)
        if text:
            await session.run(text)
        await session.run(b"commit")
    except BaseException:
        await session.run(b"rollback")
        raise
    return replace(status, found=status.latest, pending=(), applied=status.pending) if text else status
