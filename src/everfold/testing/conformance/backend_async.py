"""One backend under test: a fresh, empty database that a case opens as often as it likes, and everything closed after.

A backend that several processes can't share is opened once a case; every further store of the case then looks at the
same storage, as another part of the same process would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import everfold as ef

from ...projections.inline_async import inline_of
from ...storage.port_async import AsyncStorage
from ...storage.unit import Capabilities
from ..faults_async import AsyncFaults
from ..racing import resolved_async
from .domain import conformance

__all__ = ["AsyncBackend", "AsyncCaller"]


class AsyncCaller:
    """The application's own connection, in both colours of driver: what `store.join` is given."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def execute(self, sql: str) -> None:
        """Run a statement in the caller's transaction."""
        await resolved_async(self.connection.execute(sql))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives in the caller's transaction."""
        cursor = await resolved_async(self.connection.execute(sql))
        return [tuple(row) for row in await resolved_async(cursor.fetchall())]

    async def commit(self) -> None:
        """Commit the caller's transaction."""
        await resolved_async(self.connection.commit())

    async def rollback(self) -> None:
        """Roll the caller's transaction back."""
        await resolved_async(self.connection.rollback())

    async def close(self) -> None:
        """Give the connection back; what was not committed is rolled back."""
        await resolved_async(self.connection.rollback())
        await resolved_async(self.connection.close())


class AsyncBackend:
    """`url` names an empty database. `connect` gives a driver's connection to it, as an application has one; `prefix` is
    what the names of its tables begin with."""

    def __init__(
        self, url: str, capabilities: Capabilities, *, connect: Callable[[], Any] | None = None, prefix: str = ""
    ) -> None:
        self.url = url
        self.prefix = prefix
        self.capabilities = capabilities
        self._connect = connect
        self._stores: list[ef.AsyncEventStore] = []
        self._callers: list[AsyncCaller] = []

    async def open(self, *modules: ef.Module, **options: Any) -> ef.AsyncEventStore:
        """A store on this database, closed when the case ends; with no module named, the suite's own."""
        options.setdefault("migrate", "auto")
        store = await ef.AsyncEventStore.open(self.url, *(modules or (conformance,)), **options)
        if self._stores and not self.capabilities.several_processes:
            store = await _over(store, self._stores[0].storage)
        self._stores.append(store)
        return store

    async def open_faulty(self, *modules: ef.Module, **options: Any) -> tuple[ef.AsyncEventStore, AsyncFaults]:
        """A store whose storage can be told to fail, and where to tell it."""
        store = await self.open(*modules, **options)
        faults = AsyncFaults(store.storage)
        return await _over(store, faults), faults

    async def caller(self) -> AsyncCaller:
        """A connection of the application's own, in no transaction yet."""
        assert self._connect is not None, "a backend that declares `joins` needs connect="
        caller = AsyncCaller(await resolved_async(self._connect()))
        self._callers.append(caller)
        return caller

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for caller in self._callers:
            await caller.close()
        for store in self._stores:
            await store.close()


async def _over(store: ef.AsyncEventStore, storage: AsyncStorage) -> ef.AsyncEventStore:
    scope = replace(store._scope, storage=storage)
    scope.inline = await inline_of(scope)
    return type(store)(scope)
