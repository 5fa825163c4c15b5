"""Applying a unit inside a transaction that someone else began and will end.

`apply_unit` judges, then writes; `apply_guarded` does so under a savepoint, and is what settles a unit whose ids are
stored already. The unique index over ids is the guard that no append is stored twice, whatever it expected.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from ...errors import ConflictError, StreamClosedError
from ...events.stream import category_of
from ..repetition import refuse_reused_ids, repetition
from ..unit import Appended, Committed, EncodedEvent, Unit
from .judgement import Stream, Verdict, first_result, judge, stored_places
from .statements import SQL

__all__ = ["StreamIds", "apply_guarded", "apply_unit"]

_INSERT_STREAM = SQL["insert_stream"]
_ADVANCE_STREAM = SQL["advance_stream"]
_ADVANCE_EXPECTED = SQL["advance_expected"]
_UPDATE_STREAM = SQL["update_stream"]
_INSERT_EVENT = SQL["insert_event"]
_INSERT_TAG = SQL["insert_tag"]
_UPSERT_SNAPSHOT = SQL["upsert_snapshot"]
_encode_tags = msgspec.json.Encoder().encode

EventRow = tuple[object, ...]
StreamIds = dict[tuple[str, str], int]
"""(tenant, name) → id of streams met before. One from a transaction that was rolled back may be another stream's by now:
the statement that uses it checks the name, so a wrong one costs a look-up and no more."""


def apply_unit(cursor: sqlite3.Cursor, unit: Unit, recorded_at: int, ids: StreamIds) -> Committed:
    """Judge and write. An error of `errors.py` means that nothing was written.

    sqlite3.IntegrityError means that an id is stored already and part of the unit was written: roll back, then ask
    `apply_guarded`.
    """
    quick = _append_to_known(cursor, unit, recorded_at, ids)
    if quick is not None:
        return quick
    try:
        verdict = judge(cursor, unit)
    except (ConflictError, StreamClosedError):
        first = first_result(cursor, unit)
        if first is None:
            raise
        return first
    return _write(cursor, unit, verdict, recorded_at, ids)


def apply_guarded(cursor: sqlite3.Cursor, unit: Unit, recorded_at: int, ids: StreamIds | None = None) -> Committed:
    """The same under a savepoint: whatever is raised, nothing of the unit is left in the transaction."""
    cursor.execute("savepoint everfold_unit")
    try:
        committed = _apply_or_repeat(cursor, unit, recorded_at, {} if ids is None else ids)
    except BaseException:
        # a full disk or a failing one may have ended the whole transaction, and the savepoint with it
        if cursor.connection.in_transaction:
            cursor.execute("rollback to everfold_unit")
            cursor.execute("release everfold_unit")
        raise
    cursor.execute("release everfold_unit")
    return committed


def _apply_or_repeat(cursor: sqlite3.Cursor, unit: Unit, recorded_at: int, ids: StreamIds) -> Committed:
    try:
        return apply_unit(cursor, unit, recorded_at, ids)
    except sqlite3.IntegrityError:
        cursor.execute("rollback to everfold_unit")
        stored = stored_places(cursor, unit)
        first = repetition(unit, stored)
        if first is None:
            refuse_reused_ids(unit, stored)
            raise
        return first


def _append_to_known(cursor: sqlite3.Cursor, unit: Unit, now: int, ids: StreamIds) -> Committed | None:
    """The commonest unit in two statements: one append, at an exact version, to a stream whose id is known.

    None when it is no such unit, or not at that version; nothing was written then.
    """
    if len(unit.appends) != 1 or unit.conditions or unit.marks or unit.snapshots:
        return None
    append = unit.appends[0]
    if append.stream is None or append.expected <= 0 or not append.events:
        return None
    stream_id = ids.get((unit.tenant, append.stream))
    if stream_id is None:
        return None
    version = append.expected + len(append.events)
    cursor.execute(_ADVANCE_EXPECTED, (version, now, stream_id, append.expected, unit.tenant, append.stream))
    if cursor.rowcount != 1:
        return None
    return Committed((_append(cursor, unit.tenant, append.events, now, (stream_id, append.expected)),))


def _write(cursor: sqlite3.Cursor, unit: Unit, verdict: Verdict, now: int, ids: StreamIds) -> Committed:
    tenant = unit.tenant
    for stream in verdict.streams.values():
        _keep_stream(cursor, tenant, stream, now)
        if stream.id is not None:
            ids[tenant, stream.name] = stream.id
    appended = [
        _append_to_none(cursor, tenant, append.events, now)
        if append.stream is None
        else _append(cursor, tenant, append.events, now, (verdict.streams[append.stream].id, start))
        for append, start in zip(unit.appends, verdict.starts, strict=True)
    ]
    for new in unit.snapshots:
        row = (tenant, new.stream, new.name, new.schema_version, new.version, new.data)
        cursor.execute(_UPSERT_SNAPSHOT, row)
    return Committed(tuple(appended))


def _keep_stream(cursor: sqlite3.Cursor, tenant: str, stream: Stream, now: int) -> None:
    if stream.id is None:
        if stream.grows:
            row = (tenant, stream.name, category_of(stream.name), stream.version, now, now)
            stream.id = cursor.execute(_INSERT_STREAM, row).lastrowid
    elif stream.marked:
        cursor.execute(_UPDATE_STREAM, (stream.version, stream.truncated_before, stream.status, now, stream.id))
    elif stream.grows:
        cursor.execute(_ADVANCE_STREAM, (stream.version, now, stream.id))


def _append(
    cursor: sqlite3.Cursor, tenant: str, events: Sequence[EncodedEvent], now: int, place: tuple[int | None, int]
) -> Appended:
    stream_id, version = place
    rows = [_event_row(tenant, event, now, stream_id, number) for number, event in enumerate(events, version + 1)]
    return Appended(version + len(rows), _insert(cursor, tenant, events, rows), now if rows else 0)


def _append_to_none(cursor: sqlite3.Cursor, tenant: str, events: Sequence[EncodedEvent], now: int) -> Appended:
    rows = [_event_row(tenant, event, now, None, None) for event in events]
    return Appended(None, _insert(cursor, tenant, events, rows), now if rows else 0)


def _event_row(tenant: str, event: EncodedEvent, now: int, stream_id: int | None, version: int | None) -> EventRow:
    tags = _encode_tags(event.tags).decode() if event.tags else None
    return (
        tenant,
        stream_id,
        version,
        event.type,
        event.schema_version,
        event.id,
        now,
        tags,
        event.metadata,
        event.data,
    )


def _insert(
    cursor: sqlite3.Cursor, tenant: str, events: Sequence[EncodedEvent], rows: Sequence[EventRow]
) -> Sequence[int]:
    """Insert the events with their tags, and give their positions.

    These follow one another: the transaction holds the write lock, and autoincrement leaves no gaps inside it.
    """
    if not rows:
        return ()
    first = cursor.execute(_INSERT_EVENT, rows[0]).lastrowid
    assert first is not None, "an insert has a row id"
    if len(rows) > 1:
        cursor.executemany(_INSERT_EVENT, rows[1:])
    for position, event in enumerate(events, first):
        if event.tags:
            cursor.executemany(_INSERT_TAG, [(tenant, tag, position) for tag in event.tags])
    return range(first, first + len(rows))
