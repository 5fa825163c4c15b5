"""The memory backend: a lock around one log per tenant. Nothing is kept after the process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeVar

from ...errors import ConfigurationError, StoreClosedError, StreamTombstonedError
from ...events.query import Query
from ...runtime.clock import Clock
from ...runtime.concurrency import Hints
from ..control import BuildRow, ConsumerKey, ConsumerRow, LetterRow
from ..port import Transaction
from ..read_model import Found, Selection, Shape, Target
from ..unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .log import Log
from .state import State
from .transaction import MemoryTransaction
from .transaction_async import AsyncMemoryTransaction

__all__ = ["MemoryStorage", "unjoinable"]

T = TypeVar("T")
X = TypeVar("X", MemoryTransaction, AsyncMemoryTransaction)


class MemoryStorage:
    """Safe between threads. Positions are drawn and shown under one lock, so the horizon is the last position."""

    capabilities = Capabilities(
        durable=False,
        several_processes=False,
        concurrent_transactions=False,
        joins=False,
        enforces_immutability=False,
        runs_sql=False,
    )

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._state = State(clock)
        self._logs = self._state.logs
        self._lock = threading.RLock()
        self._hints = Hints()
        self._in_transaction = False
        self._closed = False

    def commit(self, unit: Unit) -> Committed:
        with self._lock:
            self._refuse_closed()
            committed = self._state.commit(unit)
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
        with self._lock:
            self._refuse_closed()
            log = self._logs[tenant]
            state = log.streams.get(stream)
            if state is None:
                return Page([])
            if state.status == "tombstoned":
                raise StreamTombstonedError(stream)
            low = max(after_version, state.truncated_before - 1)
            rows = log.by_stream[stream][low:up_to_version]
            return Page((rows[::-1] if backwards else rows)[:limit], version=state.version)

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
        with self._lock:
            self._refuse_closed()
            log = self._logs[tenant]
            found = log.matching(query, after, before)
            if partition != (0, 1):
                found = (index for index in found if log.in_part(index, partition))
            if backwards:
                found = reversed(list(found))
            rows = [log.rows[index] for index in islice(found, limit)]
            head = self._head(log)
            more = len(rows) == limit
            end = max(after, head) if not backwards else after
            return Page(rows, rows[-1][0] if more else end, more, horizon=head if beyond_horizon else 0)

    def head(self, tenant: str) -> int:
        with self._lock:
            self._refuse_closed()
            return self._head(self._logs[tenant])

    def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        with self._lock:
            self._refuse_closed()
            return self._logs[tenant].streams.get(stream)

    def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        with self._lock:
            self._refuse_closed()
            rows = self._logs[tenant].streams.values()
            wanted = [r for r in rows if r.name > after and category in (None, r.name.partition("-")[0])]
            return sorted(wanted, key=lambda row: row.name.encode())[:limit]

    def type_counts(self, tenant: str) -> list[TypeCount]:
        with self._lock:
            self._refuse_closed()
            counts = Counter((row[3], row[4]) for row in self._logs[tenant].rows)
        return [TypeCount(*key, events) for key, events in sorted(counts.items())]

    def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        with self._lock:
            self._refuse_closed()
            found = self._logs[tenant].snapshots.get((stream, name))
        return found if found is not None and found.schema_version == schema_version else None

    def hint(self) -> int:
        return self._hints.count

    def wait(self, hint: int, timeout_seconds: float) -> bool:
        return self._hints.wait(hint, timeout_seconds)

    def migrate(self, mode: str) -> SchemaStatus:  # noqa: ARG002  # memory is always up to date
        return self.schema_status()

    def schema_status(self) -> SchemaStatus:
        return SchemaStatus(found=1, latest=1)

    def join(self, connection: Any) -> Transaction:
        raise unjoinable(connection)

    # Consumers and read models

    def transact(self, work: Callable[[Transaction], T]) -> T:
        return self.run(MemoryTransaction, work)

    def run(self, kind: Callable[[State], X], work: Callable[[X], T]) -> T:
        """`transact`, in either colour of transaction."""
        with self._lock:
            self._refuse_closed()
            before = self._state.last_position
            result = self._transacted(kind(self._state), work)
            appended = self._state.last_position > before
        if appended:
            self._hints.notify()
        return result

    def _transacted(self, transaction: X, work: Callable[[X], T]) -> T:
        self._in_transaction = True
        self._state.journal.begin()
        try:
            result = work(transaction)
            transaction.end()
        except BaseException:
            self._state.journal.rewind()
            raise
        finally:
            self._state.journal.end()
            self._in_transaction = False
        return result

    def identity(self) -> bytes:
        with self._lock:
            self._refuse_closed()
            return self._state.identity

    def event_id(self, tenant: str, position: int) -> bytes | None:
        with self._lock:
            self._refuse_closed()
            return self._logs[tenant].event_id(position)

    def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        with self._lock:
            self._refuse_closed()
            return self._state.control.consumer_rows(tenant)

    def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None = None
    ) -> list[ConsumerRow]:
        with self._lock:
            self._refuse_closed()
            return self._state.control.lease(tenant, owner, keys, seconds, self._state.at(now))

    def release(self, tenant: str, owner: str) -> None:
        with self._lock:
            self._refuse_closed()
            self._state.control.release(tenant, owner)

    def build_rows(self, tenant: str) -> list[BuildRow]:
        with self._lock:
            self._refuse_closed()
            return self._state.control.build_rows(tenant)

    def letter_rows(
        self, tenant: str, *, consumer: str | None, state: str | None, after: int, limit: int
    ) -> list[LetterRow]:
        with self._lock:
            self._refuse_closed()
            return self._state.control.letter_rows(tenant, consumer, state, after)[:limit]

    def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        with self._lock:
            self._refuse_closed()
            active = self._state.control.active(tenant, target.projection)
            return self._state.models.stored(tenant, target, keys, active)

    def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        with self._lock:
            self._refuse_closed()
            active = self._state.control.active(tenant, target.projection)
            return self._state.models.select(tenant, target, shape, selection, active)

    def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        with self._lock:
            self._refuse_closed()
            active = self._state.control.active(tenant, target.projection)
            return self._state.models.count(tenant, target, shape, selection, active)

    def close(self) -> None:
        self._closed = True
        self._hints.close()

    def _head(self, log: Log) -> int:
        return log.positions[-1] if log.positions else 0

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreClosedError
        if self._in_transaction:  # only its own thread comes here: the others wait for the lock
            raise ConfigurationError(
                "a function given to transact uses its transaction only: the store itself waits until it ends"
            )


def unjoinable(connection: object) -> ConfigurationError:
    """The error of whoever brings a connection to memory."""
    return ConfigurationError(
        f"a memory store has no transaction that {type(connection).__name__} could share; "
        "open the store on sqlite:// or postgresql:// to join"
    )
