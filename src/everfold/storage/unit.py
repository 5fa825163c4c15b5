"""What crosses the storage port: a unit to commit, what it became, and pages of what was read. Pure values.

One unit is one transaction: all of it or nothing. Its appends are judged and applied in their order, each
seeing the ones before it, so a stream may stand in a unit more than once. What every append makes is a Struct, whose
constructor costs a tenth of a frozen dataclass's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..events.envelope import Row
from ..events.expected import CODE_ANY
from ..events.query import AppendCondition

__all__ = [
    "Appended",
    "Capabilities",
    "Committed",
    "EncodedEvent",
    "Page",
    "SchemaStatus",
    "Snapshot",
    "StreamAppend",
    "StreamMark",
    "StreamRow",
    "TypeCount",
    "Unit",
]


class EncodedEvent(msgspec.Struct, frozen=True):
    """An event as bytes. `id` has 16 bytes; `data` and `metadata` are canonical JSON; `tags` are sorted, without repeats."""

    id: bytes
    type: str
    schema_version: int
    data: bytes
    metadata: bytes = b"{}"
    tags: tuple[str, ...] = ()


class StreamAppend(msgspec.Struct, frozen=True):
    """Events for the end of one stream; `stream=None`: they live in no stream.

    `expected`: a version ≥ 0, -1 any, -2 the stream exists. Without events it only checks the expectation.
    """

    stream: str | None
    expected: int = CODE_ANY
    events: tuple[EncodedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamMark:
    """A stream's head cut (`truncate_before`: versions below it are hidden) or its end (`tombstone`)."""

    stream: str
    expected: int = CODE_ANY
    truncate_before: int | None = None
    tombstone: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folded state at a version: disposable, one per (stream, name); a higher version replaces a lower one."""

    stream: str
    name: str
    schema_version: int
    version: int
    data: bytes


class Unit(msgspec.Struct, frozen=True):
    """One atomic write. `recorded_at` in microseconds since 1970 UTC; None: the storage's own clock."""

    tenant: str
    appends: tuple[StreamAppend, ...] = ()
    conditions: tuple[AppendCondition, ...] = ()
    marks: tuple[StreamMark, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    recorded_at: int | None = None


class Appended(msgspec.Struct, frozen=True):
    """What one append became: the stream's version after it, and the position of each event, increasing.

    `positions` of a contiguous run is a `range`. `version` is None outside streams. An append without events has
    the stream's current version, no positions and `recorded_at` 0.
    """

    version: int | None
    positions: Sequence[int]
    recorded_at: int


class Committed(msgspec.Struct, frozen=True):
    """One `Appended` per append of the unit, in order. `repeated`: the unit was stored before; this is its first result."""

    appends: tuple[Appended, ...]
    repeated: bool = False


@dataclass(slots=True)
class Page:
    """Rows that were read, and where to go on.

    `names` maps a row's stream key to its name (None: the key is the name). `epoch_microseconds` is added to a
    row's recorded_at to count from 1970. For a read of the whole log, `position` is where the next page begins
    (pass it as `after`, or as `before` when reading backwards); `more` says that the next page may hold rows now;
    `blocked` that events stand above the horizon, behind an append that is still open. A read beyond the horizon
    gives in `horizon` the one it took before it read (else 0), and its `position` is no checkpoint. For a read of a stream,
    `version` is the stream's version (0: empty), whatever rows are in the page.
    """

    rows: list[Row]
    position: int = 0
    more: bool = False
    blocked: bool = False
    horizon: int = 0
    version: int = 0
    names: Mapping[Any, str] | None = None
    epoch_microseconds: int = 0


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A stream's own row. Times in microseconds since 1970 UTC; status open, tombstoned or archived."""

    name: str
    version: int
    status: str
    created_at: int
    updated_at: int
    truncated_before: int = 1


@dataclass(frozen=True, slots=True)
class TypeCount:
    """How many events of a (type, schema version) a tenant has."""

    type: str
    schema_version: int
    events: int


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The schema version found (0: none), the one this release brings, and the names of the migrations in between."""

    found: int
    latest: int
    pending: tuple[str, ...] = ()
    applied: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; the conformance suite skips by these declarations only, never by a backend's name."""

    durable: bool
    """What was committed is there after the process is gone."""
    several_processes: bool
    """Several processes may write and read the same store."""
    concurrent_transactions: bool
    """Two transactions may be open at once, so positions can become visible out of order (hence the horizon)."""
    joins: bool
    """`join(connection)` commits a unit inside a transaction that the caller owns."""
    enforces_immutability: bool
    """The database itself refuses to change or delete an event."""
    runs_sql: bool = True
    """`execute` and `fetch` run the application's SQL, so handler projections work."""
