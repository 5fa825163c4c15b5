"""The memory backend for tasks: the same log, with waiting that suits an event loop. No verb ever suspends."""

from __future__ import annotations

from typing import Any

from ...events.query import Query
from ...runtime.clock import Clock
from ...runtime.concurrency_async import Hints
from ..port_async import AsyncUnitTarget
from ..unit import Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .store import MemoryStorage

__all__ = ["AsyncMemoryStorage"]


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
    ) -> Page:
        return self._memory.read_all(
            tenant,
            after=after,
            before=before,
            query=query,
            backwards=backwards,
            limit=limit,
            beyond_horizon=beyond_horizon,
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

    def join(self, connection: Any) -> AsyncUnitTarget:
        self._memory.join(connection)  # always refuses
        return self

    async def close(self) -> None:
        self._memory.close()
        self._hints.close()
