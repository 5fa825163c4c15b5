"""The SQLite store for threads: the port's verbs over one file. Written by hand, beside its peer `store_async`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ... import limits
from ...events.query import Query
from ...runtime.clock import Clock
from ...runtime.concurrency import Hints, Mutex
from ..control import BuildRow, ConsumerKey, ConsumerRow, LetterRow
from ..port import Transaction
from ..read_model import Found, Selection, Shape, Target
from ..unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from . import control, read
from .connections import Options
from .database import Database
from .group_commit import GroupCommit
from .joined import joined
from .read_models import ReadModels
from .transaction import SqliteTransaction
from .watch import Watch

__all__ = ["SqliteStorage"]

T = TypeVar("T")


class SqliteStorage:
    """One file, written by one thread at a time and read by any number. Safe between threads and processes.

    Call `migrate` first. `synchronous="NORMAL"` is faster for a lone caller and may lose the last acknowledged appends
    in a power cut. Raises ConfigurationError for options that contradict each other.
    """

    capabilities = Capabilities(
        durable=True,
        several_processes=True,
        concurrent_transactions=False,
        joins=True,
        enforces_immutability=True,
    )

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
        self._group = GroupCommit(self._database.writer.commit, units_max)
        self._names = read.Names()
        self._models = ReadModels(path)
        self._hints = Hints()
        self._watch = Watch(options)
        self._polling = Mutex()

    def commit(self, unit: Unit) -> Committed:
        self._database.refuse_closed()
        committed = self._group.submit(unit)
        self._hints.notify()
        return committed

    def read_stream(
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
        return self._database.read(read.read_stream, tenant, stream, versions, backwards=backwards, limit=limit)

    def read_all(
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
        return self._database.read(
            read.read_all,
            self._names,
            tenant,
            query,
            (after, before, partition),
            backwards=backwards,
            limit=limit,
            beyond_horizon=beyond_horizon,
        )

    def head(self, tenant: str) -> int:
        return self._database.read(read.head, tenant)

    def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        return self._database.read(read.stream_row, tenant, stream)

    def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        return self._database.read(read.stream_rows, tenant, category, after, limit)

    def type_counts(self, tenant: str) -> list[TypeCount]:
        return self._database.read(read.type_counts, tenant)

    def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        return self._database.read(read.load_snapshot, tenant, stream, name, schema_version)

    def hint(self) -> int:
        if self._database.open and self._watch.changed():
            self._hints.notify()
        return self._hints.count

    def wait(self, hint: int, timeout_seconds: float) -> bool:
        """See the port. Commits of other processes are found by polling, which one waiter does for all."""
        deadline = time.monotonic() + timeout_seconds
        pause = limits.POLL_SECONDS_MIN
        polls = False
        try:
            while self._database.open:
                polls = polls or self._polling.acquire(blocking=False)
                if polls:
                    self.hint()
                left = deadline - time.monotonic()
                if self._hints.wait(hint, max(0.0, min(pause, left))):
                    return True
                if left <= pause:
                    return False
                pause = min(pause * 2, limits.POLL_SECONDS_MAX)
            return False
        finally:
            if polls:
                self._polling.release()

    def migrate(self, mode: str) -> SchemaStatus:
        return self._database.migrate(mode)

    def schema_status(self) -> SchemaStatus:
        return self._database.schema_status()

    def join(self, connection: Any) -> Transaction:
        return joined(self._database, connection)

    # Consumers and read models

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return self._transact(work)

    def identity(self) -> bytes:
        return self._database.read(control.identity)

    def event_id(self, tenant: str, position: int) -> bytes | None:
        return self._database.read(control.event_id, tenant, position)

    def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        return self._database.read(control.consumer_rows, tenant)

    def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None = None
    ) -> list[ConsumerRow]:
        return self._transact(lambda transaction: transaction.lease(tenant, owner, keys, seconds=seconds, now=now))

    def release(self, tenant: str, owner: str) -> None:
        self._transact(lambda transaction: transaction.release(tenant, owner))

    def build_rows(self, tenant: str) -> list[BuildRow]:
        return self._database.read(control.build_rows, tenant)

    def letter_rows(
        self, tenant: str, *, consumer: str | None, state: str | None, after: int, limit: int
    ) -> list[LetterRow]:
        return self._database.read(control.letter_rows, tenant, (consumer, state), after, limit)

    def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        return self._database.read(self._models.documents, tenant, target, keys)

    def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return self._database.read(self._models.select, tenant, target, shape, selection)

    def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        return self._database.read(self._models.count, tenant, target, shape, selection)

    def close(self) -> None:
        if self._database.open:
            self._group.close()
            self._watch.close()
        self._database.close()
        self._hints.close()

    def _transact(self, work: Callable[[SqliteTransaction], T]) -> T:
        self._database.refuse_closed()
        result, appended = self._group.turn(lambda: self._database.writer.transact(work))
        if appended:
            self._hints.notify()
        return result
