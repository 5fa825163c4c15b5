"""What cases about projections do all the time: take a tenant of a store, feed it, compare its read models with the log."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import replace
from typing import Any

import everfold as ef

from ... import limits
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...store.outcome import AppendResult
from ..clock import VirtualClock
from .projections_domain import Hotel, rooms_model, takings_model
from .reading_async import log_of

__all__ = ["agree", "append", "caught_up", "documents", "lease_over", "letters_of", "over", "parked", "seen_marks"]


def over(store: ef.AsyncEventStore, *, tenant: str | None = None, storage: AsyncStorage | None = None) -> Any:
    """The same store for another tenant, or on another storage."""
    scope = store._scope
    given = scope.tenant if tenant is None else tenant
    return type(store)(replace(scope, tenant=given, storage=storage or scope.storage))


async def append(store: ef.AsyncEventStore, *events: Any, stream: str = "stay-1") -> AppendResult:
    """Append to a stream, whatever its version."""
    return await store.append(stream, list(events), expected_version=ef.ANY)


async def caught_up(store: ef.AsyncEventStore, **options: Any) -> None:
    """Have a worker of its own feed everything."""
    await ef.AsyncWorker(store, **options).run_until_caught_up()


def lease_over(clock: VirtualClock) -> None:
    """Let the time of every lease run out."""
    clock.advance(seconds=limits.LEASE_SECONDS + 1)


async def documents(store: ef.AsyncEventStore, projection: Any) -> dict[str, Any]:
    """Every document, by key; of a table every row."""
    return {key if isinstance(key, str) else key[0]: item for key, item in await store.read_model(projection).items()}


async def seen_marks(store: ef.AsyncEventStore, table: str) -> list[str]:
    """What the handler wrote, in the order of the log."""

    async def work(transaction: AsyncTransaction) -> list[Any]:
        asked = f"select mark from {table} where tenant = %s order by position"
        return await transaction.fetch(asked, (store._scope.tenant,))

    return [row[0] for row in await store.storage.transact(work)]


async def agree(store: ef.AsyncEventStore, hotel: Hotel, *, broken: tuple[str, ...] = ()) -> None:
    """Documents and table hold exactly what the log makes."""
    events = await log_of(store)
    assert await documents(store, hotel.rooms) == rooms_model(events, broken)
    assert await documents(store, hotel.takings) == takings_model(events)


async def letters_of(letters: AsyncIterable[Any]) -> list[ef.DeadLetter]:
    """All of them."""
    return [_letter(letter) async for letter in letters]


async def parked(store: ef.AsyncEventStore, projection: Any) -> list[tuple[str, str]]:
    """(key, mark) of every letter that is parked, in order."""
    by_position = {e.position: e.event.mark for e in await log_of(store) if e.type == "stayed"}
    return [(letter.key, by_position[letter.position]) async for letter in store.dead_letters(projection)]


def _letter(letter: object) -> ef.DeadLetter:
    assert isinstance(letter, ef.DeadLetter)
    return letter
