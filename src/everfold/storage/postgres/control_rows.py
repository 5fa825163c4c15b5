"""Consumers, builds and dead letters as rows: parameters of `sql/control.sql`, and structs from what it gives. Pure.

Times are microseconds since 1970 outside, null for never inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..control import BuildRow, ConsumerKey, ConsumerRow, Letter, LetterRow, Move
from ..read_model import Target
from .packing import EPOCH_MICROSECONDS, Packed, moment, pack_ids, pack_int4, pack_int8, pack_texts

__all__ = [
    "build_of",
    "build_parameters",
    "consumer_of",
    "consumer_parameters",
    "given",
    "lease_parameters",
    "letter_of",
    "letter_parameters",
    "move_parameters",
]


def given(now: int | None) -> Packed | None:
    """A time that the caller gives; None for the server's own clock."""
    return None if now is None else moment(now)


def move_parameters(tenant: str, move: Move, now: int | None) -> tuple[Any, ...]:
    """Of `move`."""
    return (
        tenant,
        move.name,
        move.partition,
        move.token,
        move.since,
        move.position,
        _id(move.event_id),
        move.events,
        int(move.parked),
        _microseconds(move.renew_seconds),
        given(now),
        move.letters,
    )


def lease_parameters(
    tenant: str, owner: str, keys: Sequence[ConsumerKey], seconds: float, now: int | None
) -> tuple[Any, ...]:
    """Of `lease`."""
    known = sorted(set(keys))
    names, partitions = pack_texts(key[0] for key in known), pack_int4([key[1] for key in known])
    return tenant, owner, names, partitions, _microseconds(seconds), given(now)


def consumer_parameters(tenant: str, row: ConsumerRow) -> tuple[Any, ...]:
    """Of `save_consumer`."""
    return (
        tenant,
        row.name,
        row.partition,
        row.partitions,
        row.position,
        _id(row.event_id),
        _id(row.epoch),
        row.token,
        row.owner,
        _when(row.lease_until),
        row.status,
        _text(row.fault),
        row.letters,
        row.events,
        _when(row.moved_at),
    )


def consumer_of(row: tuple[Any, ...]) -> ConsumerRow:
    """Of `@consumer@`."""
    *start, lease_until, status, fault, letters, events, moved_at = row
    values: tuple[Any, ...] = (*start, _time(lease_until), status, fault, letters, events, _time(moved_at))
    return ConsumerRow(*values)


def build_parameters(tenant: str, row: BuildRow) -> tuple[Any, ...]:
    """Of `save_build`."""
    previous = row.previous
    return (
        tenant,
        row.target.projection,
        row.target.version,
        row.target.generation,
        row.state,
        row.timing,
        row.fed,
        row.code,
        _text(row.definition),
        row.head,
        row.epoch,
        previous and previous.version,
        previous and previous.generation,
        _text(row.verified),
        _when(row.created_at),
        _when(row.changed_at),
    )


def build_of(row: tuple[Any, ...]) -> BuildRow:
    """Of `@build@`."""
    projection, version, generation, *middle, old_version, old_generation, verified, created_at, changed_at = row
    previous = None if old_version is None else Target(projection, old_version, old_generation)
    target = Target(projection, version, generation)
    values: tuple[Any, ...] = (target, *middle, previous, verified, _time(created_at), _time(changed_at))
    return BuildRow(*values)


def letter_parameters(tenant: str, letters: Sequence[Letter], now: int | None) -> tuple[Any, ...]:
    """Of `park`."""
    return (
        tenant,
        pack_texts(letter.consumer for letter in letters),
        pack_int4([letter.partition for letter in letters]),
        pack_texts(letter.lane for letter in letters),
        pack_int8([letter.position for letter in letters]),
        pack_ids([letter.event_id for letter in letters]),
        pack_texts(letter.event_type for letter in letters),
        pack_texts(letter.stream for letter in letters),
        pack_texts(letter.error.decode() for letter in letters),
        pack_int4([letter.attempts for letter in letters]),
        given(now),
    )


def letter_of(row: tuple[Any, ...]) -> LetterRow:
    """Of `@letter@`."""
    number, *letter, state, parked_at, settled_at, actor, reason = row
    return LetterRow(number, Letter(*letter), state, _time(parked_at), _time(settled_at), actor, reason)


def _when(at: int) -> Packed | None:
    return moment(at) if at else None


def _id(value: bytes | None) -> Packed | None:
    return Packed(value) if value else None


def _text(json: bytes | None) -> str | None:
    return None if json is None else json.decode()


def _time(value: int | None) -> int:
    return 0 if value is None else value + EPOCH_MICROSECONDS


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
