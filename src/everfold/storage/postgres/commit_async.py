"""Committing a unit on one session: the statement, and what follows when the server refuses it.

A refused unit may be a repetition of one that was stored: its event ids are looked up then, and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from ...errors import EventIdReusedError, EverfoldError
from ..repetition import StoredPlace, ids_of, refuse_reused_ids, repetition
from ..unit import Committed, Unit
from .encode import append_statement, appended_one, commit_parameters, committed, is_plain
from .errors import refused, retryable, translate
from .packing import EPOCH_MICROSECONDS, pack_ids
from .session_async import AsyncSession
from .statements import Statement

__all__ = ["apply_unit_safely", "commit_unit"]

_ATTEMPTS_MAX = 5
"""A deadlock's victim was rolled back; more victims in a row than this, and the caller had better know."""


async def commit_unit(session: AsyncSession, sql: Mapping[str, bytes], unit: Unit) -> Committed:
    """Commit in a transaction of its own. Raises errors of `errors.py` for refusals, psycopg.Error for the rest."""
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            return await _apply(session, sql, unit)
        except psycopg.Error as error:
            if refused(error):
                return await _first_result(session, sql, unit, error)
            if attempt == _ATTEMPTS_MAX or not retryable(error):
                raise
    raise AssertionError("the last attempt returns or raises")


async def apply_unit_safely(session: AsyncSession, sql: Mapping[str, bytes], unit: Unit) -> Committed:
    """Inside the open transaction, in one round trip: under a savepoint, so that a refusal leaves it usable."""
    statement, result = _statement(sql, unit)
    failed_before = session.failed
    try:
        _, (row,), _ = await session.pipelined(
            (b"savepoint everfold_unit", ()), statement, (b"release savepoint everfold_unit", ())
        )
    except psycopg.Error as error:
        if failed_before or not session.failed:
            raise
        await session.run(b"rollback to savepoint everfold_unit; release savepoint everfold_unit")
        if refused(error):
            return await _first_result(session, sql, unit, error)
        raise
    return result(unit, row)


async def _apply(session: AsyncSession, sql: Mapping[str, bytes], unit: Unit) -> Committed:
    statement, result = _statement(sql, unit)
    (row,) = await session.fetch(statement[0], *statement[1])
    return result(unit, row)


def _statement(sql: Mapping[str, bytes], unit: Unit) -> tuple[Statement, Callable[[Unit, tuple[Any, ...]], Committed]]:
    """What applies the unit, and what makes its one row a result."""
    if is_plain(unit):
        name, parameters = append_statement(unit)
        return (sql[name], parameters), appended_one
    return (sql["commit"], commit_parameters(unit)), committed


async def _first_result(
    session: AsyncSession, sql: Mapping[str, bytes], unit: Unit, refusal: psycopg.Error
) -> Committed:
    """The first result of a unit that was stored before; else the refusal is raised."""
    error = translate(refusal, unit)
    try:
        stored = await _stored_places(session, sql, unit)
    except psycopg.Error as lost:  # the refusal stands: nothing was written now, but perhaps before
        raise translate(lost, unit) from refusal
    return judged(unit, stored, error, refusal)


def judged(
    unit: Unit, stored: Mapping[bytes, StoredPlace], error: EverfoldError, cause: BaseException | None
) -> Committed:
    """The first result when `stored` shows one; else raises `error`, with the ids in it that are really stored."""
    first = repetition(unit, stored)
    if first is not None:
        return first
    if isinstance(error, EventIdReusedError):
        refuse_reused_ids(unit, stored)
    raise error from cause


async def _stored_places(session: AsyncSession, sql: Mapping[str, bytes], unit: Unit) -> dict[bytes, StoredPlace]:
    ids = ids_of(unit)
    if not ids:
        return {}
    rows: list[tuple[Any, ...]] = await session.fetch(sql["stored_places"], unit.tenant, pack_ids(ids))
    return {i: (position, stream, version, at + EPOCH_MICROSECONDS) for i, position, stream, version, at in rows}
