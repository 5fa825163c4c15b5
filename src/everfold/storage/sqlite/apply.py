"""Applying a unit inside a transaction that someone else began and will end.

`apply_unit` judges, then writes; `apply_guarded` does so under a savepoint, and is what settles a unit whose ids are
stored already. The unique index over ids is the guard that no append is stored twice, whatever it expected.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ...errors import ConflictError, StreamClosedError
from ...events.stream import category_of
from ..repetition import refuse_reused_ids, repetition
from ..unit import Appended, Committed, EncodedEvent, StreamAppend, Unit
from .judgement import Stream, Verdict, first_result, judge, stored_places
from .statements import SQL

__all__ = ["apply_guarded", "apply_unit"]

_INSERT_STREAM = SQL["insert_stream"]
_UPDATE_STREAM = SQL["update_stream"]
_INSERT_EVENT = SQL["insert_event"]
_INSERT_TAG = SQL["insert_tag"]
_UPSERT_SNAPSHOT = SQL["upsert_snapshot"]
_encode_tags = msgspec.json.Encoder().encode

EventRow = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an append goes: its stream and the version it starts after, both None outside streams."""

    stream_id: int | None
    start: int | None

    @classmethod
    def of(cls, append: StreamAppend, verdict: Verdict, start: int) -> _Place:
        return cls(None, None) if append.stream is None else cls(verdict.streams[append.stream].id, start)

    def version(self, number: int) -> int | None:
        return None if self.start is None else self.start + number


def apply_unit(cursor: sqlite3.Cursor, unit: Unit, recorded_at: int) -> Committed:
    """Judge and write. An error of `errors.py` means that nothing was written.

    sqlite3.IntegrityError means that an id is stored already and part of the unit was written: roll back, then ask
    `apply_guarded`.
    """
    try:
        verdict = judge(cursor, unit)
    except (ConflictError, StreamClosedError):
        first = first_result(cursor, unit)
        if first is None:
            raise
        return first
    return _write(cursor, unit, verdict, recorded_at)


def apply_guarded(cursor: sqlite3.Cursor, unit: Unit, recorded_at: int) -> Committed:
    """The same under a savepoint: whatever is raised, nothing of the unit is left in the transaction."""
    cursor.execute("savepoint everfold_unit")
    try:
        committed = _apply_or_repeat(cursor, unit, recorded_at)
    except BaseException:
        # a full disk or a failing one may have ended the whole transaction, and the savepoint with it
        if cursor.connection.in_transaction:
            cursor.execute("rollback to everfold_unit")
            cursor.execute("release everfold_unit")
        raise
    cursor.execute("release everfold_unit")
    return committed


def _apply_or_repeat(cursor: sqlite3.Cursor, unit: Unit, recorded_at: int) -> Committed:
    try:
        return apply_unit(cursor, unit, recorded_at)
    except sqlite3.IntegrityError:
        cursor.execute("rollback to everfold_unit")
        stored = stored_places(cursor, unit)
        first = repetition(unit, stored)
        if first is None:
            refuse_reused_ids(unit, stored)
            raise
        return first


def _write(cursor: sqlite3.Cursor, unit: Unit, verdict: Verdict, recorded_at: int) -> Committed:
    for stream in verdict.streams.values():
        if stream.changed:
            _keep_stream(cursor, unit.tenant, stream, recorded_at)
    appended = tuple(
        _append(cursor, append, unit.tenant, recorded_at, _Place.of(append, verdict, start))
        for append, start in zip(unit.appends, verdict.starts, strict=True)
    )
    for new in unit.snapshots:
        row = (unit.tenant, new.stream, new.name, new.schema_version, new.version, new.data)
        cursor.execute(_UPSERT_SNAPSHOT, row)
    return Committed(appended)


def _keep_stream(cursor: sqlite3.Cursor, tenant: str, stream: Stream, now: int) -> None:
    state = (stream.version, stream.truncated_before, stream.status)
    if stream.id is None:
        name = stream.name
        cursor.execute(_INSERT_STREAM, (tenant, name, category_of(name), *state, now, now))
        stream.id = cursor.lastrowid
    else:
        cursor.execute(_UPDATE_STREAM, (*state, now, stream.id))


def _append(cursor: sqlite3.Cursor, append: StreamAppend, tenant: str, now: int, place: _Place) -> Appended:
    events = append.events
    if not events:
        return Appended(place.version(0), (), 0)
    rows = [_event_row(tenant, event, now, place.stream_id, place.version(n)) for n, event in enumerate(events, 1)]
    positions = _insert_events(cursor, rows)
    _insert_tags(cursor, tenant, events, positions)
    return Appended(place.version(len(events)), positions, now)


def _event_row(tenant: str, event: EncodedEvent, now: int, stream_id: int | None, version: int | None) -> EventRow:
    tags = _encode_tags(event.tags).decode() if event.tags else None
    identity = (tenant, stream_id, version, event.type, event.schema_version, event.id, now)
    return (*identity, tags, event.metadata, event.data)


def _insert_events(cursor: sqlite3.Cursor, rows: Sequence[EventRow]) -> range:
    cursor.execute(_INSERT_EVENT, rows[0])
    first = cursor.lastrowid
    assert first is not None, "an insert has a row id"
    if len(rows) > 1:
        # positions follow one another: the transaction holds the write lock, and autoincrement leaves no gaps in it
        cursor.executemany(_INSERT_EVENT, rows[1:])
    return range(first, first + len(rows))


def _insert_tags(cursor: sqlite3.Cursor, tenant: str, events: Sequence[EncodedEvent], positions: range) -> None:
    for event, position in zip(events, positions, strict=True):
        if event.tags:
            cursor.executemany(_INSERT_TAG, [(tenant, tag, position) for tag in event.tags])
