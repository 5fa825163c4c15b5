"""Consumers, builds and dead letters on one session: checkpoints that move by compare-and-set, and rows locked in one order.

Every statement that locks several rows does so by their keys' order, so two of them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from ...errors import CheckpointConflictError, ConfigurationError
from ..control import BuildRow, ConsumerRow, Letter, LetterRow, Move
from ..read_model import Target
from .control_rows import (
    build_of,
    build_parameters,
    consumer_of,
    consumer_parameters,
    given,
    letter_of,
    letter_parameters,
    move_parameters,
)
from .errors import second_active
from .packing import pack_int8, pack_texts
from .session_async import AsyncSession

__all__ = [
    "builds_of",
    "delete_consumers",
    "locked_builds",
    "locked_consumers",
    "move",
    "park",
    "parked_letters",
    "save_build",
    "save_consumers",
    "settle",
    "target_used",
]

Statements = Mapping[str, bytes]


async def move(session: AsyncSession, sql: Statements, tenant: str, moves: Sequence[Move], now: int | None) -> None:
    """One round trip. Raises CheckpointConflictError for the first that doesn't stand as its move says."""
    ordered = sorted(moves, key=lambda one: (one.name, one.partition))
    if not ordered:
        return
    moved = await session.pipelined(*((sql["move"], move_parameters(tenant, one, now)) for one in ordered))
    for one, rows in zip(ordered, moved, strict=True):
        if not rows:
            raise CheckpointConflictError(one.name)


async def locked_consumers(
    session: AsyncSession, sql: Statements, tenant: str, names: Sequence[str]
) -> list[ConsumerRow]:
    """By name and partition, locked."""
    rows = await session.fetch(sql["consumers_locked"], tenant, pack_texts(names))
    return [consumer_of(row) for row in rows]


async def save_consumers(session: AsyncSession, sql: Statements, tenant: str, rows: Sequence[ConsumerRow]) -> None:
    """Whole rows, one round trip."""
    ordered = sorted(rows, key=lambda row: row.key)
    await session.pipelined(*((sql["save_consumer"], consumer_parameters(tenant, row)) for row in ordered))


async def delete_consumers(session: AsyncSession, sql: Statements, tenant: str, names: Sequence[str]) -> None:
    """Rows and letters."""
    given = tenant, pack_texts(names)
    await session.pipelined((sql["delete_consumers"], given), (sql["delete_letters"], given))


async def builds_of(session: AsyncSession, sql: Statements, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
    """By target, as they are committed now."""
    rows = await session.fetch(sql["builds_of"], tenant, pack_texts(projections))
    return [build_of(row) for row in rows]


async def target_used(session: AsyncSession, sql: Statements, target: Target) -> bool:
    """Whether a build of any tenant, one that isn't dropped, stands there."""
    used: bool = await session.value(sql["target_used"], target.projection, target.version, target.generation)
    return used


async def locked_builds(
    session: AsyncSession, sql: Statements, tenant: str, projections: Sequence[str]
) -> list[BuildRow]:
    """By target, locked. A later statement reads them: its snapshot has what the lock's last holder committed."""
    await session.fetch(sql["lock_builds"], tenant, pack_texts(projections))
    rows = await session.fetch(sql["builds_locked"], tenant, pack_texts(projections))
    return [build_of(row) for row in rows]


async def save_build(session: AsyncSession, sql: Statements, tenant: str, row: BuildRow) -> None:
    """A whole row. Raises ConfigurationError for a second active build of the projection."""
    try:
        await session.fetch_none(sql["save_build"], *build_parameters(tenant, row))
    except psycopg.Error as error:
        if not second_active(error):
            raise
        raise ConfigurationError(
            f"projection {row.target.projection!r} has an active build already: end that one's time first"
        ) from error


async def park(session: AsyncSession, sql: Statements, tenant: str, letters: Sequence[Letter], now: int | None) -> None:
    """One statement."""
    if letters:
        await session.fetch_none(sql["park"], *letter_parameters(tenant, letters, now))


async def settle(
    session: AsyncSession, sql: Statements, tenant: str, ids: Sequence[int], ending: tuple[Any, ...]
) -> None:
    """`ending`: the state, the actor, the reason, the time."""
    state, actor, reason, now = ending
    await session.fetch_none(sql["settle"], tenant, pack_int8(list(ids)), state, actor, reason, given(now))


async def parked_letters(
    session: AsyncSession, sql: Statements, tenant: str, wanted: tuple[str, str | None, int]
) -> list[LetterRow]:
    """`wanted`: the consumer, the lane or None, the limit."""
    rows = await session.fetch(sql["parked_letters"], tenant, *wanted)
    return [letter_of(row) for row in rows]
