"""Judging a unit against the file: every check, before anything is written.

So a refused unit has changed nothing and used no position. The order is the port's: closed streams and wrong
expectations (marks first, then appends, each seeing the ones before it), then conditions. Needs the write lock.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from ...errors import (
    AppendConditionFailedError,
    ConfigurationError,
    StreamArchivedError,
    StreamTombstonedError,
    WrongExpectedVersionError,
)
from ...events.expected import CODE_ANY, CODE_STREAM_EXISTS, STREAM_EXISTS, expectation_of
from ...events.query import AppendCondition
from ..repetition import StoredPlace, ids_of, repetition
from ..unit import Committed, StreamAppend, StreamMark, Unit
from .query import first_match
from .statements import SQL

__all__ = ["Stream", "Verdict", "first_result", "judge", "stored_places", "stream_version"]

_FIND_STREAM = SQL["find_stream"]
_FIND_EVENT_ID = SQL["find_event_id"]


@dataclass(slots=True)
class Stream:
    """Where a stream stands while the unit is judged. `id` is None while it has no row.

    `grows`: events are appended; `marked`: its head or its status changes.
    """

    name: str
    id: int | None = None
    version: int = 0
    status: str = "open"
    truncated_before: int = 1
    grows: bool = False
    marked: bool = False


@dataclass(slots=True)
class Verdict:
    """What an accepted unit will do: its streams as they will stand, and the version each append starts after."""

    streams: dict[str, Stream] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)


def judge(cursor: sqlite3.Cursor, unit: Unit) -> Verdict:
    """Judge the whole unit, or raise what the port says."""
    verdict = Verdict()
    for mark in unit.marks:
        _judge_mark(cursor, unit.tenant, verdict, mark)
    for append in unit.appends:
        verdict.starts.append(_judge_append(cursor, unit.tenant, verdict, append))
    for condition in unit.conditions:
        _judge_condition(cursor, unit.tenant, condition)
    return verdict


def first_result(cursor: sqlite3.Cursor, unit: Unit) -> Committed | None:
    """The unit's first result, when it was stored before."""
    return repetition(unit, stored_places(cursor, unit))


def stored_places(cursor: sqlite3.Cursor, unit: Unit) -> dict[bytes, StoredPlace]:
    """Which of the unit's event ids are stored, and where."""
    found = ((i, cursor.execute(_FIND_EVENT_ID, (unit.tenant, i)).fetchone()) for i in ids_of(unit))
    return {i: place for i, place in found if place is not None}


def stream_version(cursor: sqlite3.Cursor, tenant: str, stream: str) -> int:
    """Where the stream stands; 0 when it has no row."""
    row = cursor.execute(_FIND_STREAM, (tenant, stream)).fetchone()
    return 0 if row is None else int(row[1])


def _judge_append(cursor: sqlite3.Cursor, tenant: str, verdict: Verdict, append: StreamAppend) -> int:
    if append.stream is None:
        return 0
    stream = _stream(cursor, tenant, verdict, append.stream)
    _check(stream, append.expected)
    start = stream.version
    if append.events:
        stream.version += len(append.events)
        stream.grows = True
    return start


def _judge_mark(cursor: sqlite3.Cursor, tenant: str, verdict: Verdict, mark: StreamMark) -> None:
    stream = _stream(cursor, tenant, verdict, mark.stream)
    _check(stream, CODE_STREAM_EXISTS if mark.expected == CODE_ANY else mark.expected)
    if stream.version == 0:
        raise WrongExpectedVersionError(mark.stream, STREAM_EXISTS, 0)
    if mark.truncate_before is not None:
        if mark.truncate_before > stream.version + 1:
            raise ConfigurationError(
                f"stream {stream.name!r} is at version {stream.version}: truncate before {stream.version + 1} at most, "
                f"not {mark.truncate_before}; nothing was changed"
            )
        stream.truncated_before = max(stream.truncated_before, mark.truncate_before)
    if mark.tombstone:
        stream.status = "tombstoned"
    stream.marked = True


def _judge_condition(cursor: sqlite3.Cursor, tenant: str, condition: AppendCondition) -> None:
    position = first_match(cursor, tenant, condition)
    if position is not None:
        raise AppendConditionFailedError(condition.query, condition.after, position)


def _stream(cursor: sqlite3.Cursor, tenant: str, verdict: Verdict, name: str) -> Stream:
    stream = verdict.streams.get(name)
    if stream is None:
        row = cursor.execute(_FIND_STREAM, (tenant, name)).fetchone()
        stream = Stream(name) if row is None else Stream(name, *row)
        verdict.streams[name] = stream
    return stream


def _check(stream: Stream, expected: int) -> None:
    if stream.status != "open":
        raise (StreamTombstonedError if stream.status == "tombstoned" else StreamArchivedError)(stream.name)
    exact = expected >= 0 and stream.version != expected
    if exact or (expected == CODE_STREAM_EXISTS and stream.version == 0):
        raise WrongExpectedVersionError(stream.name, expectation_of(expected), stream.version)
