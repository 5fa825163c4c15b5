"""Faults, injected at the storage port, so that one injector serves every backend.

`AsyncFaults(store.storage)` is a storage itself and passes everything on. A fault is armed for the next call of a
verb and used up by it, so that a test says which call fails; wake-ups are dropped or doubled until told otherwise.
Its invariant: what the storage below has committed is never touched, only what the caller gets to know of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ..runtime.concurrency_async import Later, sleep
from ..storage.control import BuildRow, ConsumerRow, LetterRow
from ..storage.port_async import AsyncStorage, AsyncTransaction
from ..storage.read_model import Found
from ..storage.unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .arming_async import AsyncArming, AsyncGate
from .crash import Crash as Crash  # noqa: PLC0414  # given on: whoever arms a crash catches it
from .faulty_transaction_async import AsyncJoined, faulty

__all__ = ["AsyncFaults", "AsyncGate"]

P = ParamSpec("P")
T = TypeVar("T")


class AsyncFaults(AsyncArming):
    """A storage that does what the one below does, except where a fault was armed. `calls` counts calls by verb."""

    def __init__(self, storage: AsyncStorage) -> None:
        super().__init__()
        self._storage = storage
        self._wakeups = "kept"

    def drop_wakeups(self) -> None:
        """From now on no hint arrives: `wait` ends as after its timeout, at once, so that only polling is left."""
        self._wakeups = "dropped"

    def duplicate_wakeups(self) -> None:
        """From now on `wait` says at once that events may have come, whether or not they have."""
        self._wakeups = "doubled"

    def keep_wakeups(self) -> None:
        """Back to the storage's own wake-ups."""
        self._wakeups = "kept"

    # The port

    @property
    def capabilities(self) -> Capabilities:
        return self._storage.capabilities

    async def commit(self, unit: Unit) -> Committed:
        number = await self.entered("commit")
        committed = await self._storage.commit(unit)
        self.left(number, "commit")
        return committed

    async def read_stream(self, *given: Any, **named: Any) -> Page:
        return await self._call("read_stream", self._storage.read_stream, *given, **named)

    async def read_all(self, *given: Any, **named: Any) -> Page:
        return await self._call("read_all", self._storage.read_all, *given, **named)

    async def head(self, tenant: str) -> int:
        return await self._call("head", self._storage.head, tenant)

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        return await self._call("stream_row", self._storage.stream_row, tenant, stream)

    async def stream_rows(self, *given: Any, **named: Any) -> list[StreamRow]:
        return await self._call("stream_rows", self._storage.stream_rows, *given, **named)

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        return await self._call("type_counts", self._storage.type_counts, tenant)

    async def load_snapshot(self, *given: Any, **named: Any) -> Snapshot | None:
        return await self._call("load_snapshot", self._storage.load_snapshot, *given, **named)

    def hint(self) -> int:
        self.refuse_dead()
        return self._storage.hint()

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        number = await self.entered("wait")
        if self._wakeups == "kept":
            woken = await self._storage.wait(hint, timeout_seconds)
        else:
            await sleep(0)
            woken = self._wakeups == "doubled"
        self.left(number)
        return woken

    async def migrate(self, mode: str) -> SchemaStatus:
        return await self._call("migrate", self._storage.migrate, mode)

    async def schema_status(self) -> SchemaStatus:
        return await self._call("schema_status", self._storage.schema_status)

    def join(self, connection: Any) -> AsyncTransaction:
        return AsyncJoined(self, self._storage.join(connection))

    async def transact(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        number = await self.entered("transact")
        result = await self._storage.transact(faulty(self, work))
        self.left(number, "transact")
        return result

    async def identity(self) -> bytes:
        return await self._call("identity", self._storage.identity)

    async def event_id(self, tenant: str, position: int) -> bytes | None:
        return await self._call("event_id", self._storage.event_id, tenant, position)

    async def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        return await self._call("consumer_rows", self._storage.consumer_rows, tenant)

    async def lease(self, *given: Any, **named: Any) -> list[ConsumerRow]:
        return await self._call("lease", self._storage.lease, *given, **named)

    async def release(self, tenant: str, owner: str) -> None:
        await self._call("release", self._storage.release, tenant, owner)

    async def build_rows(self, tenant: str) -> list[BuildRow]:
        return await self._call("build_rows", self._storage.build_rows, tenant)

    async def letter_rows(self, *given: Any, **named: Any) -> list[LetterRow]:
        return await self._call("letter_rows", self._storage.letter_rows, *given, **named)

    async def stored_documents(self, *given: Any, **named: Any) -> Found:
        return await self._call("stored_documents", self._storage.stored_documents, *given, **named)

    async def select(self, *given: Any, **named: Any) -> Found:
        return await self._call("select", self._storage.select, *given, **named)

    async def count(self, *given: Any, **named: Any) -> Found:
        return await self._call("count", self._storage.count, *given, **named)

    async def close(self) -> None:
        await self._call("close", self._storage.close)

    async def _call(self, verb: str, below: Callable[P, Later[T]], *given: P.args, **named: P.kwargs) -> T:
        number = await self.entered(verb)
        result = await below(*given, **named)
        self.left(number)
        return result
