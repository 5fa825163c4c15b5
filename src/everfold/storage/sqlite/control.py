"""Consumers, builds and dead letters in the file: checkpoints that move by compare-and-set, leases, the life of a build.

Each function is one verb inside a transaction that its caller holds open. The write lock is on the whole file, so what a
verb has read stays as it is until the transaction ends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from ...errors import CheckpointConflictError, ConfigurationError
from ..control import BuildRow, ConsumerKey, ConsumerRow, Letter, LetterRow, Move
from ..read_model import Target
from .statements import SQL

__all__ = [
    "active_target",
    "build_rows",
    "consumer_rows",
    "delete_consumers",
    "event_id",
    "identity",
    "lease",
    "letter_rows",
    "move",
    "park",
    "parked_letters",
    "release",
    "save_build",
    "save_consumers",
    "settle",
    "target_used",
]

_MOVE = SQL["move"]
_CONSUMER_COLUMNS = SQL["consumer_columns"]
_BUILD_COLUMNS = SQL["build_columns"]
_LETTER_COLUMNS = SQL["letter_columns"]
_encode_names = msgspec.json.Encoder().encode

_FAULT = _CONSUMER_COLUMNS.split(", ").index("fault")

Row = tuple[Any, ...]


# Consumers


def move(cursor: sqlite3.Cursor, tenant: str, moves: Sequence[Move], now: int) -> None:
    """One statement each. Raises CheckpointConflictError for the first that doesn't stand as its move says."""
    for one in moves:
        if cursor.execute(_MOVE, _move_values(tenant, one, now)).rowcount != 1:
            raise CheckpointConflictError(one.name)


def consumer_rows(cursor: sqlite3.Cursor, tenant: str, names: Sequence[str] | None = None) -> list[ConsumerRow]:
    """The rows of these consumers, or of all, by name and partition."""
    text, values = _of_names("consumers", "all_consumers", tenant, names)
    return [_consumer(row) for row in cursor.execute(text.format(columns=_CONSUMER_COLUMNS), values)]


def save_consumers(cursor: sqlite3.Cursor, tenant: str, rows: Sequence[ConsumerRow]) -> None:
    """Whole rows; one without an epoch gets the store's identity."""
    text = SQL["save_consumer"].format(columns=_CONSUMER_COLUMNS)
    cursor.executemany(text, [_consumer_values(tenant, row) for row in rows])


def delete_consumers(cursor: sqlite3.Cursor, tenant: str, names: Sequence[str]) -> None:
    """The rows of these consumers, and their letters."""
    for name in ("delete_consumers", "delete_letters"):
        cursor.execute(SQL[name], (tenant, _json_names(names)))


def lease(
    cursor: sqlite3.Cursor, tenant: str, owner: str, keys: Sequence[ConsumerKey], term: tuple[int, int]
) -> list[ConsumerRow]:
    """Those of the rows that the owner now holds; `term`: from when, and until when."""
    now, until = term
    held: list[ConsumerRow] = []
    for name, partition in sorted(set(keys)):
        values = {"tenant": tenant, "name": name, "partition": partition, "owner": owner, "until": until, "now": now}
        if cursor.execute(SQL["lease"], values).rowcount == 1:
            text = SQL["consumer"].format(columns=_CONSUMER_COLUMNS)
            held += [_consumer(row) for row in cursor.execute(text, (tenant, name, partition))]
    return held


def release(cursor: sqlite3.Cursor, tenant: str, owner: str) -> None:
    """The owner's leases end."""
    cursor.execute(SQL["release"], (tenant, owner))


def identity(cursor: sqlite3.Cursor) -> bytes:
    """The store's own id."""
    (found,) = cursor.execute(SQL["identity"]).fetchone()
    return bytes(found)


def event_id(cursor: sqlite3.Cursor, tenant: str, position: int) -> bytes | None:
    """The id of the tenant's event at exactly this position."""
    found = cursor.execute(SQL["event_id"], (position, tenant)).fetchone()
    return None if found is None else bytes(found[0])


# Builds


def build_rows(cursor: sqlite3.Cursor, tenant: str, projections: Sequence[str] | None = None) -> list[BuildRow]:
    """The builds of these projections, or of all, by target."""
    text, values = _of_names("builds", "all_builds", tenant, projections)
    return [_build(row) for row in cursor.execute(text.format(columns=_BUILD_COLUMNS), values)]


def target_used(cursor: sqlite3.Cursor, target: Target) -> bool:
    """Whether a build of any tenant, one that isn't dropped, stands there."""
    place = (target.projection, target.version, target.generation)
    (used,) = cursor.execute(SQL["target_used"], place).fetchone()
    return bool(used)


def save_build(cursor: sqlite3.Cursor, tenant: str, row: BuildRow) -> None:
    """A whole row. Raises ConfigurationError for a second active build of the projection."""
    try:
        cursor.execute(SQL["save_build"].format(columns=_BUILD_COLUMNS), _build_values(tenant, row))
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_CONSTRAINT_UNIQUE:
            raise
        raise ConfigurationError(
            f"projection {row.target.projection!r} has an active build already: end that one's time first"
        ) from error


def active_target(cursor: sqlite3.Cursor, tenant: str, projection: str) -> Target | None:
    """The target that readers of the projection ask."""
    found = cursor.execute(SQL["active_build"], (tenant, projection)).fetchone()
    return None if found is None else Target(projection, *found)


# Dead letters


def park(cursor: sqlite3.Cursor, tenant: str, letters: Sequence[Letter], now: int) -> None:
    """Those that aren't parked already."""
    cursor.executemany(SQL["park"], [_letter_values(tenant, letter, now) for letter in letters])


def settle(
    cursor: sqlite3.Cursor, tenant: str, ids: Sequence[int], state: str, ending: tuple[str | None, str | None, int]
) -> None:
    """Parked letters end as `state`; `ending`: the actor, the reason, the time."""
    actor, reason, now = ending
    cursor.executemany(SQL["settle"], [(state, now, actor, reason, number, tenant) for number in ids])


def parked_letters(cursor: sqlite3.Cursor, tenant: str, consumer: str, lane: str | None, limit: int) -> list[LetterRow]:
    """What is parked, by id."""
    return _letters(cursor, tenant, {"consumer": consumer, "state": "parked", "lane": lane}, 0, limit)


def letter_rows(
    cursor: sqlite3.Cursor, tenant: str, wanted: tuple[str | None, str | None], after: int, limit: int
) -> list[LetterRow]:
    """Letters with an id above `after`; `wanted`: of which consumer, in which state."""
    return _letters(cursor, tenant, {"consumer": wanted[0], "state": wanted[1]}, after, limit)


def _letters(
    cursor: sqlite3.Cursor, tenant: str, wanted: dict[str, str | None], after: int, limit: int
) -> list[LetterRow]:
    given = {column: value for column, value in wanted.items() if value is not None}
    where = "".join(f" and {column} = ?" for column in given)
    text = SQL["letters"].format(columns=_LETTER_COLUMNS, where=where)
    return [_letter(row) for row in cursor.execute(text, (tenant, after, *given.values(), limit))]


# Rows


def _of_names(some: str, every: str, tenant: str, names: Sequence[str] | None) -> tuple[str, Row]:
    return (SQL[every], (tenant,)) if names is None else (SQL[some], (tenant, _json_names(names)))


def _json_names(names: Sequence[str]) -> str:
    return _encode_names(list(names)).decode()


def _move_values(tenant: str, move: Move, now: int) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "name": move.name,
        "partition": move.partition,
        "token": move.token,
        "since": move.since,
        "letters": move.letters,
        "position": move.position,
        "event_id": move.event_id,
        "events": move.events,
        "parked": move.parked,
        "renewed": now + round(move.renew_seconds * 1_000_000) if move.renew_seconds else 0,
        "now": now,
    }


def _consumer(row: Row) -> ConsumerRow:
    values = list(row)
    values[_FAULT] = _bytes(values[_FAULT])
    return ConsumerRow(*values)


def _consumer_values(tenant: str, row: ConsumerRow) -> Row:
    start = (row.name, row.partition, row.partitions, row.position, row.event_id, row.epoch or None)
    lease = (row.token, row.owner, row.lease_until)
    return (tenant, *start, *lease, row.status, _text(row.fault), row.letters, row.events, row.moved_at)


def _build(row: Row) -> BuildRow:
    projection, version, generation, state, timing, fed, code, definition, head, epoch, *rest = row
    old_version, old_generation, verified, created_at, changed_at = rest
    return BuildRow(
        Target(projection, version, generation),
        state,
        timing,
        fed,
        code,
        definition.encode(),
        head,
        epoch,
        None if old_version is None else Target(projection, old_version, old_generation),
        _bytes(verified),
        created_at,
        changed_at,
    )


def _build_values(tenant: str, row: BuildRow) -> Row:
    target, previous = row.target, row.previous
    return (
        tenant,
        target.projection,
        target.version,
        target.generation,
        row.state,
        row.timing,
        row.fed,
        row.code,
        row.definition.decode(),
        row.head,
        row.epoch,
        None if previous is None else previous.version,
        None if previous is None else previous.generation,
        _text(row.verified),
        row.created_at,
        row.changed_at,
    )


def _letter(row: Row) -> LetterRow:
    number, consumer, partition, lane, position, event, event_type, stream, error, attempts, *ending = row
    letter = Letter(consumer, partition, lane, position, event, event_type, stream, error.encode(), attempts)
    return LetterRow(number, letter, *ending)


def _letter_values(tenant: str, letter: Letter, now: int) -> Row:
    place = (letter.consumer, letter.partition, letter.lane, letter.position)
    event = (letter.event_id, letter.event_type, letter.stream)
    return (tenant, *place, *event, letter.error.decode(), letter.attempts, now)


def _bytes(json: str | None) -> bytes | None:
    return None if json is None else json.encode()


def _text(json: bytes | None) -> str | None:
    return None if json is None else json.decode()
