"""A store that suspends at points only, on any sync storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from ...codec.registry import Registry
from ...errors import ConfigurationError, EverfoldError
from ...event_store_async import AsyncEventStore
from ...limits import Limits
from ...module import Module
from ...runtime.clock import Clock
from ...storage.control import BuildRow, ConsumerKey, ConsumerRow, LetterRow
from ...storage.port import Storage
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Found, Selection, Shape, Target
from ...storage.unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from ...store.cache import CachedState, StateCache
from ...store.scope_async import AsyncScope
from ...telemetry.hooks import Telemetry
from .points import Pause, pause_at, point, touch
from .transaction import transacted

__all__ = ["InterleavedStorage", "open_store"]

Result = TypeVar("Result")


def open_store(
    storage: AsyncStorage,
    *modules: Module,
    tenant: str = "",
    cache: StateCache | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncEventStore:
    """An AsyncEventStore that suspends at points only. Two of them on one storage are two processes."""
    scope = AsyncScope(
        storage=storage,
        registry=Registry.of(modules),
        tenant=tenant,
        limits=limits or Limits(),
        sleep=_sleep,
        clock=clock,
        cache=None if cache is None else _WatchedCache(cache),
        telemetry=telemetry,
    )
    return AsyncEventStore(scope)


class InterleavedStorage:
    """A sync storage as an async one, with a point before and after each call. It never blocks the driver.

    `wait` goes on once there is a hint. It times out when no task can go on otherwise: time passes only while all wait.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        return self._storage.capabilities

    async def commit(self, unit: Unit) -> Committed:
        return await self._call("commit", partial(self._storage.commit, unit), changes=True)

    async def read_stream(self, tenant: str, stream: str, **bounds: Any) -> Page:
        return await self._call("read_stream", partial(self._storage.read_stream, tenant, stream, **bounds))

    async def read_all(self, tenant: str, **bounds: Any) -> Page:
        return await self._call("read_all", partial(self._storage.read_all, tenant, **bounds))

    async def head(self, tenant: str) -> int:
        return await self._call("head", partial(self._storage.head, tenant))

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        return await self._call("stream_row", partial(self._storage.stream_row, tenant, stream))

    async def stream_rows(self, tenant: str, **bounds: Any) -> list[StreamRow]:
        return await self._call("stream_rows", partial(self._storage.stream_rows, tenant, **bounds))

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        return await self._call("type_counts", partial(self._storage.type_counts, tenant))

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        load = partial(self._storage.load_snapshot, tenant, stream, name, schema_version)
        return await self._call("load_snapshot", load)

    def hint(self) -> int:
        touch("store", changed=False)
        return self._storage.hint()

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        def hinted() -> bool:
            return self._closed or self._storage.hint() != hint

        in_time = await pause_at(Pause(f"wait {timeout_seconds:g} s", hinted, timed=True))
        # a timeout depends on what every other task does
        touch("store", changed=not in_time)
        return in_time and not self._closed

    async def migrate(self, mode: str) -> SchemaStatus:
        return await self._call("migrate", partial(self._storage.migrate, mode), changes=True)

    async def schema_status(self) -> SchemaStatus:
        return await self._call("schema_status", self._storage.schema_status)

    async def transact(self, work: Callable[[AsyncTransaction], Awaitable[Result]]) -> Result:
        return await self._call("transact", partial(transacted, self._storage, work), changes=True)

    async def identity(self) -> bytes:
        return await self._call("identity", self._storage.identity)

    async def event_id(self, tenant: str, position: int) -> bytes | None:
        return await self._call("event_id", partial(self._storage.event_id, tenant, position))

    async def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        return await self._call("consumer_rows", partial(self._storage.consumer_rows, tenant))

    async def lease(self, tenant: str, owner: str, keys: Sequence[ConsumerKey], **until: Any) -> list[ConsumerRow]:
        return await self._call("lease", partial(self._storage.lease, tenant, owner, keys, **until), changes=True)

    async def release(self, tenant: str, owner: str) -> None:
        await self._call("release", partial(self._storage.release, tenant, owner), changes=True)

    async def build_rows(self, tenant: str) -> list[BuildRow]:
        return await self._call("build_rows", partial(self._storage.build_rows, tenant))

    async def letter_rows(self, tenant: str, **which: Any) -> list[LetterRow]:
        return await self._call("letter_rows", partial(self._storage.letter_rows, tenant, **which))

    async def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        return await self._call("stored_documents", partial(self._storage.stored_documents, tenant, target, keys))

    async def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return await self._call("select", partial(self._storage.select, tenant, target, shape, selection))

    async def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return await self._call("count", partial(self._storage.count, tenant, target, shape, selection))

    def join(self, connection: Any) -> AsyncTransaction:
        raise ConfigurationError(f"an interleaved storage can't share the transaction of {type(connection).__name__}")

    async def close(self) -> None:
        await self._call("close", self._close, changes=True)

    async def _call(self, verb: str, call: Callable[[], Result], *, changes: bool = False) -> Result:
        await point(f"before {verb}")
        try:
            result = call()
        except EverfoldError as error:
            touch("store", changed=False)
            await point(f"after {verb}, refused: {type(error).__name__}")
            raise
        touch("store", changed=changes)
        await point(f"after {verb}")
        return result

    def _close(self) -> None:
        self._closed = True
        self._storage.close()


class _WatchedCache(StateCache):
    """The cache given, whose use is part of a step's footprint."""

    def __init__(self, cache: StateCache) -> None:
        super().__init__(cache.entries)
        self._cache = cache
        self._name = f"cache {id(cache)}"

    def get(self, key: tuple[object, ...]) -> CachedState | None:
        touch(self._name)
        return self._cache.get(key)

    def put(self, key: tuple[object, ...], cached: CachedState) -> None:
        touch(self._name)
        self._cache.put(key, cached)

    def drop(self, key: tuple[object, ...]) -> None:
        touch(self._name)
        self._cache.drop(key)

    def __len__(self) -> int:
        return len(self._cache)


async def _sleep(seconds: float) -> None:
    await point(f"sleep {seconds:g} s")
