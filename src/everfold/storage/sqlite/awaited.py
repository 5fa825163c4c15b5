"""The same transaction for coroutines. Its methods never suspend, so a coroutine that awaits them alone runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar, cast

from ...errors import ConfigurationError
from ...events.query import Query
from ...runtime.concurrency_async import Later
from ..control import BuildRow, ConsumerRow, Letter, LetterRow, Move
from ..port_async import AsyncTransaction
from ..program import Program
from ..read_model import Shape, StoredDocument, TableChanges, Target
from ..unit import Committed, Page, Unit
from .transaction import SqliteTransaction

__all__ = ["AwaitedTransaction", "at_once"]

T = TypeVar("T")


def at_once(work: Callable[[AsyncTransaction], Later[T]], transaction: SqliteTransaction) -> T:
    """Run `work`, which awaits nothing but the transaction. When it suspends it is closed: the file is locked meanwhile."""
    asyncio._set_running_loop(cast("asyncio.AbstractEventLoop", _NO_LOOP))
    try:
        coroutine = cast("Coroutine[Any, Any, T]", work(AwaitedTransaction(transaction)))
        try:
            coroutine.send(None)
        except StopIteration as done:
            return cast("T", done.value)
        coroutine.close()
    finally:
        asyncio._set_running_loop(None)
    raise _suspended()


class _NoLoop:
    """The event loop of the writer thread, which has none: whoever would wait on it is told why it can't."""

    def __getattr__(self, name: str) -> Any:
        raise _suspended()


_NO_LOOP = _NoLoop()


def _suspended() -> ConfigurationError:
    return ConfigurationError(
        "a function given to transact awaits nothing but its transaction: the whole file is locked until it ends"
    )


class AwaitedTransaction:
    """Each verb is the transaction's of the same name."""

    def __init__(self, transaction: SqliteTransaction) -> None:
        self._transaction = transaction

    async def nested(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        with self._transaction.savepoint():
            return await work(self)

    async def commit(self, unit: Unit) -> Committed:
        return self._transaction.commit(unit)

    # Checkpoints, builds, dead letters

    async def move(self, tenant: str, moves: Sequence[Move], *, now: int | None = None) -> None:
        self._transaction.move(tenant, moves, now=now)

    async def consumers(self, tenant: str, names: Sequence[str]) -> list[ConsumerRow]:
        return self._transaction.consumers(tenant, names)

    async def save_consumers(self, tenant: str, rows: Sequence[ConsumerRow]) -> None:
        self._transaction.save_consumers(tenant, rows)

    async def delete_consumers(self, tenant: str, names: Sequence[str]) -> None:
        self._transaction.delete_consumers(tenant, names)

    async def builds(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        return self._transaction.builds(tenant, projections)

    async def build_rows(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        return self._transaction.build_rows(tenant, projections)

    async def events(self, tenant: str, *, after: int, query: Query, limit: int) -> Page:
        return self._transaction.events(tenant, after=after, query=query, limit=limit)

    async def save_build(self, tenant: str, row: BuildRow) -> None:
        self._transaction.save_build(tenant, row)

    async def park(self, tenant: str, letters: Sequence[Letter], *, now: int | None = None) -> None:
        self._transaction.park(tenant, letters, now=now)

    async def settle(
        self,
        tenant: str,
        ids: Sequence[int],
        state: str,
        *,
        actor: str | None,
        reason: str | None,
        now: int | None = None,
    ) -> None:
        self._transaction.settle(tenant, ids, state, actor=actor, reason=reason, now=now)

    async def letters(self, tenant: str, consumer: str, *, lane: str | None, limit: int) -> list[LetterRow]:
        return self._transaction.letters(tenant, consumer, lane=lane, limit=limit)

    # Read models

    async def create_target(self, target: Target, shape: Shape) -> None:
        self._transaction.create_target(target, shape)

    async def drop_target(self, target: Target, shape: Shape) -> None:
        self._transaction.drop_target(target, shape)

    async def target_used(self, target: Target) -> bool:
        return self._transaction.target_used(target)

    async def clear_target(self, tenant: str, target: Target) -> None:
        self._transaction.clear_target(tenant, target)

    async def documents(self, tenant: str, target: Target, keys: Sequence[str]) -> dict[str, StoredDocument]:
        return self._transaction.documents(tenant, target, keys)

    async def save_documents(
        self, tenant: str, target: Target, documents: Mapping[str, StoredDocument], deletes: Sequence[str]
    ) -> None:
        self._transaction.save_documents(tenant, target, documents, deletes)

    async def change_rows(self, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
        self._transaction.change_rows(tenant, target, shape, changes)

    async def project(
        self,
        tenant: str,
        target: Target,
        shape: Shape,
        program: Program,
        *,
        span: tuple[int, int],
        partition: tuple[int, int] = (0, 1),
    ) -> int | None:
        return self._transaction.project(tenant, target, shape, program, span=span, partition=partition)

    async def execute(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._transaction.execute(sql, rows)

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._transaction.fetch(sql, parameters)

    async def gate(self, tenant: str, projections: Sequence[str], *, exclusive: bool) -> None:
        self._transaction.gate(tenant, projections, exclusive=exclusive)

    async def lock_stream(self, tenant: str, stream: str) -> int:
        return self._transaction.lock_stream(tenant, stream)
