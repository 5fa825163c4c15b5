"""The memory backend for tasks: the same log, with waiting that suits an event loop. No verb ever suspends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar, cast

from ...errors import ConfigurationError
from ...events.query import Query
from ...runtime.clock import Clock
from ...runtime.concurrency_async import Hints, Later
from ..control import BuildRow, ConsumerKey, ConsumerRow, LetterRow
from ..port_async import AsyncTransaction
from ..read_model import Found, Selection, Shape, Target
from ..unit import Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .store import MemoryStorage, unjoinable
from .transaction_async import AsyncMemoryTransaction

__all__ = ["AsyncMemoryStorage"]

T = TypeVar("T")


class AsyncMemoryStorage:
    """Safe between the tasks of one event loop."""

    capabilities = MemoryStorage.capabilities

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._memory = MemoryStorage(clock=clock)
        self._hints = Hints()

    async def commit(self, unit: Unit) -> Committed:
        committed = self._memory.commit(unit)
        self._hints.notify()
        return committed

    async def read_stream(
        self,
        tenant: str,
        stream: str,
        *,
        after_version: int,
        up_to_version: int | None,
        backwards: bool,
        limit: int,
    ) -> Page:
        return self._memory.read_stream(
            tenant,
            stream,
            after_version=after_version,
            up_to_version=up_to_version,
            backwards=backwards,
            limit=limit,
        )

    async def read_all(
        self,
        tenant: str,
        *,
        after: int,
        before: int | None,
        query: Query,
        backwards: bool,
        limit: int,
        beyond_horizon: bool = False,
        partition: tuple[int, int] = (0, 1),
    ) -> Page:
        return self._memory.read_all(
            tenant,
            after=after,
            before=before,
            query=query,
            backwards=backwards,
            limit=limit,
            beyond_horizon=beyond_horizon,
            partition=partition,
        )

    async def head(self, tenant: str) -> int:
        return self._memory.head(tenant)

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        return self._memory.stream_row(tenant, stream)

    async def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        return self._memory.stream_rows(tenant, category=category, after=after, limit=limit)

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        return self._memory.type_counts(tenant)

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        return self._memory.load_snapshot(tenant, stream, name, schema_version)

    def hint(self) -> int:
        return self._hints.count

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        return await self._hints.wait(hint, timeout_seconds)

    async def migrate(self, mode: str) -> SchemaStatus:
        return self._memory.migrate(mode)

    async def schema_status(self) -> SchemaStatus:
        return self._memory.schema_status()

    def join(self, connection: Any) -> AsyncTransaction:
        raise unjoinable(connection)

    # Consumers and read models

    async def transact(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        before = self._memory.hint()
        result = self._memory.run(AsyncMemoryTransaction, lambda transaction: _at_once(work(transaction)))
        if self._memory.hint() != before:
            self._hints.notify()
        return result

    async def identity(self) -> bytes:
        return self._memory.identity()

    async def event_id(self, tenant: str, position: int) -> bytes | None:
        return self._memory.event_id(tenant, position)

    async def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        return self._memory.consumer_rows(tenant)

    async def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None = None
    ) -> list[ConsumerRow]:
        return self._memory.lease(tenant, owner, keys, seconds=seconds, now=now)

    async def release(self, tenant: str, owner: str) -> None:
        self._memory.release(tenant, owner)

    async def build_rows(self, tenant: str) -> list[BuildRow]:
        return self._memory.build_rows(tenant)

    async def letter_rows(
        self, tenant: str, *, consumer: str | None, state: str | None, after: int, limit: int
    ) -> list[LetterRow]:
        return self._memory.letter_rows(tenant, consumer=consumer, state=state, after=after, limit=limit)

    async def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        return self._memory.stored_documents(tenant, target, keys)

    async def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return self._memory.select(tenant, target, shape, selection)

    async def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return self._memory.count(tenant, target, shape, selection)

    async def close(self) -> None:
        self._memory.close()
        self._hints.close()


def _at_once(work: Later[T]) -> T:
    """Run a coroutine that never suspends. One that does is closed: the lock is not held while it waits."""
    coroutine = cast("Coroutine[Any, Any, T]", work)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    coroutine.close()
    raise ConfigurationError("a function given to transact awaits nothing but its transaction")
