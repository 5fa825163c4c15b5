"""Faults, injected at the storage port, so that one injector serves every backend.

`AsyncFaults(store.storage)` is a storage itself and passes everything on. A fault is armed for the next call of a
verb and used up by it, so that a test says which call fails; wake-ups are dropped or doubled until told otherwise.
Its invariant: what the storage below has committed is never touched, only what the caller gets to know of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from ..errors import CommitUnknownError
from ..events.query import Query
from ..runtime.concurrency_async import sleep
from ..storage.port_async import AsyncStorage, AsyncUnitTarget
from ..storage.unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .racing import AsyncSignal

__all__ = ["AsyncFaults", "AsyncGate"]


class AsyncGate:
    """A call held at the port: `await gate.reached.wait()` until it is there, `gate.release()` to let it go on."""

    def __init__(self) -> None:
        self.reached = AsyncSignal()
        self._released = AsyncSignal()

    def release(self) -> None:
        """Let the held call go on."""
        self._released.set()

    async def passed(self) -> None:
        """Say that the call is here, and wait for the release."""
        self.reached.set()
        await self._released.wait()


class AsyncFaults:
    """A storage that does what the one below does, except where a fault was armed. `calls` counts calls by verb."""

    def __init__(self, storage: AsyncStorage) -> None:
        self.calls: Counter[str] = Counter()
        self._storage = storage
        self._errors: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._gates: defaultdict[str, deque[AsyncGate]] = defaultdict(deque)
        self._rivals: defaultdict[str, deque[Callable[[], Any]]] = defaultdict(deque)
        self._lost_replies = 0
        self._wakeups = "kept"

    # Arming

    def fail_before(self, verb: str, error: Exception, *, times: int = 1) -> None:
        """The next `times` calls of the verb raise `error` and never reach the storage."""
        self._errors[verb].extend([error] * times)

    def lose_reply(self, *, times: int = 1) -> None:
        """The next `times` commits that succeed are stored, and their caller gets CommitUnknownError."""
        self._lost_replies += times

    def hold(self, verb: str) -> AsyncGate:
        """The next call of the verb waits at the gate before it reaches the storage."""
        gate = AsyncGate()
        self._gates[verb].append(gate)
        return gate

    def interpose(self, verb: str, rival: Callable[[], Any], *, times: int = 1) -> None:
        """Before each of the next `times` calls of the verb, `rival()` does its work: another writer was faster."""
        self._rivals[verb].extend([rival] * times)

    def drop_wakeups(self) -> None:
        """From now on no hint arrives: `wait` ends as after its timeout, at once, so that only polling is left."""
        self._wakeups = "dropped"

    def duplicate_wakeups(self) -> None:
        """From now on `wait` says at once that events may have come, whether or not they have."""
        self._wakeups = "doubled"

    def keep_wakeups(self) -> None:
        """Back to the storage's own wake-ups."""
        self._wakeups = "kept"

    async def _entered(self, verb: str) -> None:
        self.calls[verb] += 1
        if self._gates[verb]:
            await self._gates[verb].popleft().passed()
        if self._rivals[verb]:
            await self._rivals[verb].popleft()()
        if self._errors[verb]:
            raise self._errors[verb].popleft()

    # The port

    @property
    def capabilities(self) -> Capabilities:
        return self._storage.capabilities

    async def commit(self, unit: Unit) -> Committed:
        return await self._commit(self._storage, unit)

    async def _commit(self, target: AsyncUnitTarget, unit: Unit) -> Committed:
        await self._entered("commit")
        committed = await target.commit(unit)
        if self._lost_replies:
            self._lost_replies -= 1
            raise CommitUnknownError("the reply was lost on purpose")
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
        await self._entered("read_stream")
        return await self._storage.read_stream(
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
        await self._entered("read_all")
        return await self._storage.read_all(
            tenant,
            after=after,
            before=before,
            query=query,
            backwards=backwards,
            limit=limit,
            beyond_horizon=beyond_horizon,
        )

    async def head(self, tenant: str) -> int:
        await self._entered("head")
        return await self._storage.head(tenant)

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        await self._entered("stream_row")
        return await self._storage.stream_row(tenant, stream)

    async def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        await self._entered("stream_rows")
        return await self._storage.stream_rows(tenant, category=category, after=after, limit=limit)

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        await self._entered("type_counts")
        return await self._storage.type_counts(tenant)

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        await self._entered("load_snapshot")
        return await self._storage.load_snapshot(tenant, stream, name, schema_version)

    def hint(self) -> int:
        return self._storage.hint()

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        await self._entered("wait")
        if self._wakeups == "kept":
            return await self._storage.wait(hint, timeout_seconds)
        await sleep(0)
        return self._wakeups == "doubled"

    async def migrate(self, mode: str) -> SchemaStatus:
        await self._entered("migrate")
        return await self._storage.migrate(mode)

    async def schema_status(self) -> SchemaStatus:
        await self._entered("schema_status")
        return await self._storage.schema_status()

    def join(self, connection: Any) -> AsyncUnitTarget:
        return _AsyncFaultyTarget(self, self._storage.join(connection))

    async def close(self) -> None:
        await self._entered("close")
        await self._storage.close()


class _AsyncFaultyTarget:
    """A joined transaction with the same faults."""

    def __init__(self, faults: AsyncFaults, target: AsyncUnitTarget) -> None:
        self._faults = faults
        self._target = target

    async def commit(self, unit: Unit) -> Committed:
        return await self._faults._commit(self._target, unit)
