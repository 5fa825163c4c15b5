"""The SQLite store for tasks: the port's verbs over one file. Written by hand, beside its peer `store`.

SQLite has no asynchronous interface, so each verb is one hop to a thread: writes to the one writer thread, reads to
one of a few.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar

from ... import limits
from ...events.query import Query
from ...runtime.clock import Clock
from ...runtime.concurrency_async import Hints, Later
from ..control import BuildRow, ConsumerKey, ConsumerRow, LetterRow
from ..port_async import AsyncTransaction
from ..read_model import Found, Selection, Shape, Target
from ..unit import Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from . import control, read
from .awaited import AwaitedTransaction, at_once
from .connections import Options
from .database import Database
from .joined import joined
from .read_models import ReadModels
from .store import SqliteStorage
from .transaction import SqliteTransaction
from .watch import Watch
from .writer_thread import WriterThread

__all__ = ["AsyncSqliteStorage"]

P = ParamSpec("P")
T = TypeVar("T")

_READER_THREADS = 4


class AsyncSqliteStorage:
    """The same file and the same rules as `SqliteStorage`. Safe between the tasks of one event loop.

    A cancelled `commit` may still have been committed: send it again with the same event ids.
    """

    capabilities = SqliteStorage.capabilities

    def __init__(
        self,
        path: str,
        *,
        clock: Clock | None = None,
        synchronous: str = "FULL",
        busy_timeout_seconds: float = 5.0,
        group_commit: bool = True,
    ) -> None:
        options = Options(path, synchronous, busy_timeout_seconds)
        self._database = Database(options, clock)
        units_max = limits.GROUP_COMMIT_UNITS_MAX if group_commit else 1
        self._readers = ThreadPoolExecutor(_READER_THREADS, "everfold-reader")
        self._names = read.Names()
        self._models = ReadModels(path)
        self._hints = Hints()
        self._writer = WriterThread(self._database.writer.commit, units_max, self._hints.notify)
        self._watch = Watch(options)
        self._polling = False

    async def commit(self, unit: Unit) -> Committed:
        self._database.refuse_closed()
        return await self._writer.submit(unit)

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
        versions = (after_version, up_to_version)
        return await self._read(read.read_stream, tenant, stream, versions, backwards=backwards, limit=limit)

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
        return await self._read(
            read.read_all,
            self._names,
            tenant,
            query,
            (after, before, partition),
            backwards=backwards,
            limit=limit,
            beyond_horizon=beyond_horizon,
        )

    async def head(self, tenant: str) -> int:
        return await self._read(read.head, tenant)

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        return await self._read(read.stream_row, tenant, stream)

    async def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        return await self._read(read.stream_rows, tenant, category, after, limit)

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        return await self._read(read.type_counts, tenant)

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        return await self._read(read.load_snapshot, tenant, stream, name, schema_version)

    def hint(self) -> int:
        if self._database.open and self._watch.changed():
            self._hints.notify()
        return self._hints.count

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        """See the port. Commits of other processes are found by polling, which one waiter does for all."""
        deadline = time.monotonic() + timeout_seconds
        pause = limits.POLL_SECONDS_MIN
        polls = False
        try:
            while self._database.open:
                polls = polls or self._take_polling()
                if polls:
                    self.hint()
                left = deadline - time.monotonic()
                if await self._hints.wait(hint, max(0.0, min(pause, left))):
                    return True
                if left <= pause:
                    return False
                pause = min(pause * 2, limits.POLL_SECONDS_MAX)
            return False
        finally:
            if polls:
                self._polling = False

    async def migrate(self, mode: str) -> SchemaStatus:
        return await self._in_thread(partial(self._database.migrate, mode))

    async def schema_status(self) -> SchemaStatus:
        return await self._in_thread(self._database.schema_status)

    def join(self, connection: Any) -> AsyncTransaction:
        """See the port. `connection` is a sqlite3.Connection; each verb runs on it at once, in the calling thread.

        The event loop waits meanwhile: it flushes nothing, but may wait for the write lock.
        """
        return AwaitedTransaction(joined(self._database, connection))

    # Consumers and read models

    async def transact(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        return await self._transact(partial(at_once, work))

    async def identity(self) -> bytes:
        return await self._read(control.identity)

    async def event_id(self, tenant: str, position: int) -> bytes | None:
        return await self._read(control.event_id, tenant, position)

    async def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        return await self._read(control.consumer_rows, tenant)

    async def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None = None
    ) -> list[ConsumerRow]:
        return await self._transact(
            lambda transaction: transaction.lease(tenant, owner, keys, seconds=seconds, now=now)
        )

    async def release(self, tenant: str, owner: str) -> None:
        await self._transact(lambda transaction: transaction.release(tenant, owner))

    async def build_rows(self, tenant: str) -> list[BuildRow]:
        return await self._read(control.build_rows, tenant)

    async def letter_rows(
        self, tenant: str, *, consumer: str | None, state: str | None, after: int, limit: int
    ) -> list[LetterRow]:
        return await self._read(control.letter_rows, tenant, (consumer, state), after, limit)

    async def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        return await self._read(self._models.documents, tenant, target, keys)

    async def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return await self._read(self._models.select, tenant, target, shape, selection)

    async def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return await self._read(self._models.count, tenant, target, shape, selection)

    async def close(self) -> None:
        if self._database.open:
            await self._writer.close()
            self._watch.close()
            await self._in_thread(self._database.close)
            self._readers.shutdown(wait=False)
        self._database.close()
        self._hints.close()

    async def _transact(self, work: Callable[[SqliteTransaction], T]) -> T:
        self._database.refuse_closed()
        result, appended = await self._writer.turn(lambda: self._database.writer.transact(work))
        if appended:
            self._hints.notify()
        return result

    async def _read(self, look: Callable[Concatenate[sqlite3.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._in_thread(lambda: self._database.read(look, *args, **kwargs))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        self._database.refuse_closed()
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    def _take_polling(self) -> bool:
        taken, self._polling = not self._polling, True
        return taken
