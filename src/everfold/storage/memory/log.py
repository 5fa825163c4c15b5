"""One tenant's log in memory: judging a unit and applying it, without locks, clocks or threads.

The invariant: a unit is judged whole against a draft before anything of it is kept, so a refused unit
leaves no trace and uses no position.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TypeVar

import msgspec

from ...errors import (
    AppendConditionFailedError,
    ConfigurationError,
    StreamArchivedError,
    StreamTombstonedError,
    WrongExpectedVersionError,
)
from ...events.envelope import Row
from ...events.expected import CODE_ANY, CODE_STREAM_EXISTS, STREAM_EXISTS, expectation_of
from ...events.query import AppendCondition, Query
from ...events.stream import category_of
from ..repetition import StoredPlace, ids_of, refuse_reused_ids, repetition
from ..unit import Appended, Committed, EncodedEvent, Snapshot, StreamAppend, StreamMark, StreamRow, Unit

__all__ = ["Log", "LogMark"]

K = TypeVar("K")
V = TypeVar("V")

_encode_tags = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Draft:
    """What a unit would change."""

    rows: list[tuple[Row, tuple[str, ...]]] = field(default_factory=list)
    streams: dict[str, StreamRow] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogMark:
    """A log before a unit: how many rows, and what the unit may replace (None: it wasn't there)."""

    rows: int
    streams: dict[str, StreamRow | None]
    snapshots: dict[tuple[str, str], Snapshot | None]


class Log:
    """The rows of one tenant, in the order of their positions, with the indexes that reads need."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.positions: list[int] = []
        self.tags: list[tuple[str, ...]] = []
        self.streams: dict[str, StreamRow] = {}
        self.by_stream: dict[str, list[Row]] = {}
        self.by_tag: dict[str, list[int]] = {}
        self.places: dict[bytes, StoredPlace] = {}
        self.snapshots: dict[tuple[str, str], Snapshot] = {}
        self._numbers: dict[str, int] = {}

    def commit(self, unit: Unit, next_position: int, now: int) -> Committed:
        """Judge and apply the unit; its first position is `next_position`. Raises as the port says."""
        stored = {i: self.places[i] for i in ids_of(unit) if i in self.places}
        repeated = repetition(unit, stored)
        if repeated is not None:
            return repeated
        draft = _Draft()
        for mark in unit.marks:
            self._mark(draft, mark, now)
        appended = tuple(self._append(draft, append, next_position, now) for append in unit.appends)
        for condition in unit.conditions:
            self._check_condition(condition)
        refuse_reused_ids(unit, stored)
        self._keep(draft, unit.snapshots)
        return Committed(appended)

    def _stream(self, draft: _Draft, name: str, expected: int, now: int) -> StreamRow:
        """The stream's row as the unit sees it, once its status and the expectation are found right."""
        row = draft.streams.get(name) or self.streams.get(name) or StreamRow(name, 0, "open", now, now)
        if row.status == "tombstoned":
            raise StreamTombstonedError(name)
        if row.status == "archived":
            raise StreamArchivedError(name)
        exact = expected >= 0 and row.version != expected
        if exact or (expected == CODE_STREAM_EXISTS and row.version == 0):
            raise WrongExpectedVersionError(name, expectation_of(expected), row.version)
        return row

    def _append(self, draft: _Draft, append: StreamAppend, next_position: int, now: int) -> Appended:
        first = next_position + len(draft.rows)
        positions = range(first, first + len(append.events))
        if append.stream is None:
            for event, position in zip(append.events, positions, strict=True):
                draft.rows.append((_row(event, position, None, None, now), event.tags))
            return Appended(None, positions, now)
        stream = self._stream(draft, append.stream, append.expected, now)
        for number, event in enumerate(append.events, 1):
            row = _row(event, first + number - 1, stream.name, stream.version + number, now)
            draft.rows.append((row, event.tags))
        version = stream.version + len(append.events)
        if append.events:
            draft.streams[stream.name] = replace(stream, version=version, updated_at=now)
        return Appended(version, positions, now if append.events else 0)

    def _mark(self, draft: _Draft, mark: StreamMark, now: int) -> None:
        expected = CODE_STREAM_EXISTS if mark.expected == CODE_ANY else mark.expected
        stream = self._stream(draft, mark.stream, expected, now)
        if stream.version == 0:
            raise WrongExpectedVersionError(mark.stream, STREAM_EXISTS, 0)
        if mark.tombstone:
            stream = replace(stream, status="tombstoned", updated_at=now)
        if mark.truncate_before is not None:
            if mark.truncate_before > stream.version + 1:
                raise ConfigurationError(truncation_beyond(mark, stream.version))
            before = max(stream.truncated_before, mark.truncate_before)
            stream = replace(stream, truncated_before=before, updated_at=now)
        draft.streams[mark.stream] = stream

    def _check_condition(self, condition: AppendCondition) -> None:
        for index in self.matching(condition.query, condition.after):
            position = self.positions[index]
            if position not in condition.seen:
                raise AppendConditionFailedError(condition.query, condition.after, position)

    def _keep(self, draft: _Draft, snapshots: Iterable[Snapshot]) -> None:
        self.streams.update(draft.streams)
        for row, tags in draft.rows:
            self.rows.append(row)
            self.positions.append(row[0])
            self.tags.append(tags)
            self.places[row[5]] = (row[0], row[1], row[2], row[6])
            if row[1] is not None:
                self.by_stream.setdefault(row[1], []).append(row)
            for tag in tags:
                self.by_tag.setdefault(tag, []).append(len(self.rows) - 1)
        for new in snapshots:
            old = self.snapshots.get((new.stream, new.name))
            if old is None or old.schema_version != new.schema_version or old.version < new.version:
                self.snapshots[new.stream, new.name] = new

    def mark(self, unit: Unit) -> LogMark:
        """What `rewind` needs to undo this unit, when it is the next one."""
        names = {one.stream for one in unit.appends if one.stream} | {one.stream for one in unit.marks}
        snapshots = {(one.stream, one.name) for one in unit.snapshots}
        return LogMark(
            len(self.rows),
            {name: self.streams.get(name) for name in names},
            {key: self.snapshots.get(key) for key in snapshots},
        )

    def rewind(self, mark: LogMark) -> None:
        """Back to where the log was at the mark. No read may have come in between."""
        while len(self.rows) > mark.rows:
            row = self.rows.pop()
            self.positions.pop()
            del self.places[row[5]]
            if row[1] is not None:
                _pop_last(self.by_stream, row[1])
            for tag in self.tags.pop():
                _pop_last(self.by_tag, tag)
        _put_back(self.streams, mark.streams)
        _put_back(self.snapshots, mark.snapshots)

    def event_id(self, position: int) -> bytes | None:
        """The id of the event at exactly this position."""
        index = bisect_left(self.positions, position)
        return self.rows[index][5] if index < len(self.rows) and self.positions[index] == position else None

    def in_part(self, index: int, partition: tuple[int, int]) -> bool:
        """Whether a row belongs to part i of n: streams are numbered as they appear; part 0 has what is in no stream."""
        part, parts = partition
        stream = self.rows[index][1]
        if stream is None:
            return part == 0
        for name in islice(self.by_stream, len(self._numbers), None) if stream not in self._numbers else ():
            self._numbers[name] = len(self._numbers)
        return self._numbers[stream] % parts == part

    def matching(self, query: Query, after: int, before: int | None = None) -> Iterator[int]:
        """Indexes of the rows with after < position < before that match, in order."""
        low = bisect_right(self.positions, after)
        high = len(self.positions) if before is None else bisect_left(self.positions, before)
        return (index for index in self._candidates(query, low, high) if self._matches(query, index))

    def _candidates(self, query: Query, low: int, high: int) -> Iterable[int]:
        if not all(item.tags for item in query.items):
            return range(low, high)
        found = {index for item in query.items for index in self.by_tag.get(item.tags[0], ())}
        return sorted(index for index in found if low <= index < high)

    def _matches(self, query: Query, index: int) -> bool:
        row = self.rows[index]
        return query.matches(row[3], None if row[1] is None else category_of(row[1]), self.tags[index])


def truncation_beyond(mark: StreamMark, version: int) -> str:
    """What to tell a caller who would hide events that don't exist yet."""
    return (
        f"stream {mark.stream!r} is at version {version}: truncate before {version + 1} at most, "
        f"not {mark.truncate_before}; nothing was changed"
    )


def _row(event: EncodedEvent, position: int, stream: str | None, version: int | None, now: int) -> Row:
    tags = _encode_tags(event.tags).decode() if event.tags else None
    place = (position, stream, version, event.type, event.schema_version, event.id, now)
    return (*place, event.data, event.metadata, tags)


def _pop_last(lists: dict[str, list[V]], key: str) -> None:
    lists[key].pop()
    if not lists[key]:
        del lists[key]


def _put_back(table: dict[K, V], before: dict[K, V | None]) -> None:
    for key, value in before.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
