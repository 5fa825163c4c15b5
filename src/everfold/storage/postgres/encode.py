"""A unit as the parameters of the append functions, and their results as `Committed`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..unit import Appended, Committed, EncodedEvent, Unit
from .packing import (
    EPOCH_MICROSECONDS,
    Packed,
    moment,
    pack_bytes,
    pack_ids,
    pack_int4,
    pack_int8,
    pack_moments,
    pack_texts,
)

__all__ = [
    "append_statement",
    "appended_one",
    "batch_committed",
    "batch_parameters",
    "commit_parameters",
    "committed",
    "is_plain",
    "size_of",
]

_encode_json = msgspec.json.Encoder().encode


def is_plain(unit: Unit) -> bool:
    """Whether the unit is one append to one stream and nothing else."""
    return (
        len(unit.appends) == 1
        and unit.appends[0].stream is not None
        and not unit.conditions
        and not unit.marks
        and not unit.snapshots
    )


def size_of(unit: Unit) -> int:
    """Its payload bytes."""
    return sum(len(event.data) + len(event.metadata) for append in unit.appends for event in append.events)


def append_statement(unit: Unit) -> tuple[str, tuple[Any, ...]]:
    """The statement and its parameters for a plain unit."""
    append = unit.appends[0]
    start = (unit.tenant, append.stream, append.expected, _moment(unit))
    if len(append.events) != 1:
        return "append", start + _events(append.events)
    (event,) = append.events
    rest = (event.type, event.schema_version, event.data, event.metadata, _tags(event))
    return "append_one", (*start, Packed(event.id), *rest)


def commit_parameters(unit: Unit) -> tuple[Any, ...]:
    """For `commit`, of any unit."""
    events = [event for append in unit.appends for event in append.events]
    return (
        unit.tenant,
        pack_texts([append.stream for append in unit.appends]),
        pack_int8([append.expected for append in unit.appends]),
        pack_int4([len(append.events) for append in unit.appends]),
        _moment(unit),
        *_events(events),
        _json(_condition(c) for c in unit.conditions),
        _json(
            {
                "stream": mark.stream,
                "expected": mark.expected,
                "truncate_before": mark.truncate_before,
                "tombstone": mark.tombstone,
            }
            for mark in unit.marks
        ),
        _json(
            {"stream": s.stream, "name": s.name, "schema_version": s.schema_version, "version": s.version}
            for s in unit.snapshots
        ),
        pack_bytes([snapshot.data for snapshot in unit.snapshots]),
    )


def batch_parameters(units: Sequence[Unit]) -> tuple[Any, ...]:
    """For `append_many`, of plain units to distinct streams."""
    appends = [unit.appends[0] for unit in units]
    given = any(unit.recorded_at is not None for unit in units)
    return (
        pack_texts([unit.tenant for unit in units]),
        pack_texts([append.stream for append in appends]),
        pack_int8([append.expected for append in appends]),
        pack_int4([len(append.events) for append in appends]),
        pack_moments([unit.recorded_at for unit in units]) if given else None,
        *_events([event for append in appends for event in append.events]),
    )


def appended_one(unit: Unit, row: tuple[Any, ...]) -> Committed:
    """What `append` gave."""
    version, first, positions, recorded_at = row
    count = len(unit.appends[0].events)
    if not count:
        return Committed((Appended(version, (), 0),))
    places = range(first, first + count) if positions is None else tuple(positions)
    return Committed((Appended(version, places, recorded_at + EPOCH_MICROSECONDS),))


def committed(unit: Unit, row: tuple[Any, ...]) -> Committed:
    """What `commit` gave."""
    versions, first, positions, recorded_at = row
    places = _Places(first, positions)
    return Committed(
        tuple(
            Appended(version, places.take(len(append.events)), recorded_at + EPOCH_MICROSECONDS if append.events else 0)
            for append, version in zip(unit.appends, versions, strict=True)
        )
    )


def batch_committed(units: Sequence[Unit], row: tuple[Any, ...]) -> list[Committed | None]:
    """What `append_many` gave, per unit; None for one that it did not append."""
    verdicts, versions, first, positions, recorded_at = row
    places = _Places(first, positions)
    results: list[Committed | None] = []
    for unit, verdict, version in zip(units, verdicts, versions, strict=True):
        if verdict:
            results.append(None)
            continue
        at = recorded_at + EPOCH_MICROSECONDS if unit.recorded_at is None else unit.recorded_at
        results.append(Committed((Appended(version, places.take(len(unit.appends[0].events)), at),)))
    return results


class _Places:
    """Positions handed out in their order; contiguous ones come as the first alone."""

    def __init__(self, first: int | None, positions: Sequence[int] | None) -> None:
        self._next = first or 0
        self._positions = positions
        self._taken = 0

    def take(self, count: int) -> Sequence[int]:
        start, self._taken = self._taken, self._taken + count
        if self._positions is None:
            return range(self._next + start, self._next + self._taken)
        taken = tuple(self._positions[start : self._taken])
        if taken and taken[-1] - taken[0] == count - 1:
            return range(taken[0], taken[-1] + 1)
        return taken


def _events(events: Sequence[EncodedEvent]) -> tuple[Packed | None, ...]:
    tagged = any(event.tags for event in events)
    return (
        pack_ids([event.id for event in events]),
        pack_texts([event.type for event in events]),
        pack_int4([event.schema_version for event in events]),
        pack_bytes([event.data for event in events]),
        pack_bytes([event.metadata for event in events]),
        pack_texts([_tags(event) for event in events]) if tagged else None,
    )


def _tags(event: EncodedEvent) -> str | None:
    return _encode_json(event.tags).decode() if event.tags else None


def _moment(unit: Unit) -> Packed | None:
    return None if unit.recorded_at is None else moment(unit.recorded_at)


def _condition(condition: Any) -> dict[str, Any]:
    items = [{"types": i.types, "categories": i.categories, "tags": i.tags} for i in condition.query.items]
    return {"after": condition.after, "seen": condition.seen, "items": items}


def _json(values: Iterable[dict[str, Any]]) -> str | None:
    """None for none at all: the function then skips what they are for."""
    found = list(values)
    return _encode_json(found).decode() if found else None
