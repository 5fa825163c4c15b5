"""When an append is a repetition: the rule, pure, for every backend.

An append may be sent again when its outcome is unknown. It is a repetition when every one of its events is
stored, with the same ids, in the same order, as one run in the same stream, and, for an exact expectation, right
after the expected version. A unit is a repetition when each of its appends that has events is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from uuid import UUID

from ..errors import EventIdReusedError
from .unit import Appended, Committed, StreamAppend, Unit

__all__ = ["StoredPlace", "ids_of", "refuse_reused_ids", "repetition"]

StoredPlace = tuple[int, str | None, int | None, int]
"""Where an id is stored: position, stream, version, recorded_at (microseconds since 1970)."""


def ids_of(unit: Unit) -> list[bytes]:
    """Every event id of the unit, in order."""
    return [event.id for append in unit.appends for event in append.events]


def repetition(unit: Unit, stored: Mapping[bytes, StoredPlace]) -> Committed | None:
    """The unit's first result, when `stored` (id → place, of the unit's tenant) shows that it is a repetition."""
    if not any(append.events for append in unit.appends):
        return None
    found = [_repeated(append, stored) for append in unit.appends]
    if any(one is None for one in found):
        return None
    return Committed(tuple(one for one in found if one is not None), repeated=True)


def refuse_reused_ids(unit: Unit, stored: Mapping[bytes, StoredPlace]) -> None:
    """Raise EventIdReusedError when an id of the unit is stored, or stands in it twice."""
    ids = ids_of(unit)
    reused = [i for i in ids if i in stored]
    if not reused and len(set(ids)) < len(ids):
        reused = [i for i, times in Counter(ids).items() if times > 1]
    if reused:
        raise EventIdReusedError([UUID(bytes=bytes(i)) for i in reused])


def _repeated(append: StreamAppend, stored: Mapping[bytes, StoredPlace]) -> Appended | None:
    if not append.events:
        return Appended(None if append.stream is None else max(append.expected, 0), (), 0)
    places = [stored.get(event.id) for event in append.events]
    first = places[0]
    if first is None or any(place is None or place[1] != append.stream for place in places):
        return None
    run = [place for place in places if place is not None]
    if append.stream is not None:
        start = (first[2] or 0) - 1
        if append.expected >= 0 and append.expected != start:
            return None
        if [place[2] for place in run] != list(range(start + 1, start + 1 + len(run))):
            return None
    positions = [place[0] for place in run]
    if any(after <= before for before, after in pairwise(positions)):
        return None
    return Appended(run[-1][2], _compact(positions), first[3])


def _compact(positions: list[int]) -> range | tuple[int, ...]:
    if positions[-1] - positions[0] == len(positions) - 1:
        return range(positions[0], positions[-1] + 1)
    return tuple(positions)
