"""The memory backend: a lock around one log per tenant. Nothing is kept after the process."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from itertools import islice
from typing import Any

from ...errors import ConfigurationError, StoreClosedError, StreamTombstonedError
from ...events.query import Query
from ...runtime.clock import Clock, SystemClock, microseconds_of
from ...runtime.concurrency import Hints
from ..port import UnitTarget
from ..unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .log import Log

__all__ = ["MemoryStorage"]


class MemoryStorage:
    """Safe between threads. Positions are drawn and shown under one lock, so the horizon is the last position."""

    capabilities = Capabilities(
        durable=False,
        several_processes=False,
        concurrent_transactions=False,
        joins=False,
        enforces_immutability=False,
    )

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._logs: defaultdict[str, Log] = defaultdict(Log)
        self._last_position = 0
        self._hints = Hints()
        self._closed = False

    def commit(self, unit: Unit) -> Committed:
        with self._lock:
            self._refuse_closed()
            now = unit.recorded_at
            now = microseconds_of(self._clock.now()) if now is None else now
            committed = self._logs[unit.tenant].commit(unit, self._last_position + 1, now)
            if not committed.repeated:
                self._last_position += sum(len(append.events) for append in unit.appends)
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
    ) -> Page:
        with self._lock:
            self._refuse_closed()
            log = self._logs[tenant]
            found = log.matching(query, after, before)
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

    def join(self, connection: Any) -> UnitTarget:
        raise ConfigurationError(
            f"a memory store has no transaction that {type(connection).__name__} could share; "
            "open the store on sqlite:// or postgresql:// to join"
        )

    def close(self) -> None:
        self._closed = True
        self._hints.close()

    def _head(self, log: Log) -> int:
        return log.positions[-1] if log.positions else 0

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreClosedError
