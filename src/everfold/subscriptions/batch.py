"""What a consumer works on: a batch of events, what failed in it, and what its plan for it says. Pure."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from .. import limits
from ..events.envelope import RecordedEvent
from ..storage.control import Letter

__all__ = ["AllBut", "Batch", "Behind", "Failure", "Findings", "fault_json", "letter_of", "stream_lane"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events between two places of the log: everything that concerns a consumer after `since`, up to `position`.

    `event_id` is that of the event at `position`, None when it isn't known.
    """

    since: int
    position: int
    events: Sequence[RecordedEvent] = ()
    event_id: bytes | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that a handler failed on. `lane` is what it would be parked under."""

    index: int
    event: RecordedEvent
    lane: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Behind:
    """An event whose lane holds a parked one already: it waits behind it."""

    event: RecordedEvent
    lane: str


class Findings:
    """What a plan found out beside its changes. `parked` are lanes that are closed; one that fails is closed from there on."""

    __slots__ = ("_closed", "_parked", "behind", "closing", "failures")

    def __init__(self, parked: Collection[str] = ()) -> None:
        self.failures: list[Failure] = []
        self.behind: list[Behind] = []
        self.closing = len(parked) > 0
        self._parked = parked
        self._closed: set[str] = set()

    def fail(self, index: int, event: RecordedEvent, lane: str, error: Exception) -> None:
        """Note a failure, and close its lane."""
        self.failures.append(Failure(index, event, lane, error))
        self._closed.add(lane)
        self.closing = True

    def waits(self, event: RecordedEvent, lane: str) -> bool:
        """Whether the lane is closed; then the event is noted behind. Ask only while `closing`."""
        if lane not in self._closed and lane not in self._parked:
            return False
        self.behind.append(Behind(event, lane))
        return True


class AllBut(Collection[str]):
    """The lanes of every key but one; those of streams are open."""

    def __init__(self, lane: str) -> None:
        self._lane = lane

    def __contains__(self, lane: object) -> bool:
        return lane != self._lane and isinstance(lane, str) and lane.startswith("key:")

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(())


def stream_lane(event: RecordedEvent) -> str:
    """The lane of an event whose key isn't known, as it can't be decoded: its stream's."""
    return f"stream:{event.stream}" if event.stream is not None else f"event:{event.position}"


def fault_json(error: BaseException, event: RecordedEvent | None = None, **more: Any) -> bytes:
    """The error in full, and the event that it is about, as JSON. Payload values stand in it only if the error shows them."""
    text = "".join(traceback.format_exception(error))
    place: dict[str, Any] = {}
    if event is not None:
        place = {
            "position": event.position,
            "event_type": event.type,
            "event_id": str(event.id),
            "stream": event.stream,
            "version": event.version,
        }
    said = {"type": type(error).__qualname__, "message": str(error)[: limits.FAULT_TEXT_CHARACTERS_MAX]}
    return msgspec.json.encode({**said, **place, **more, "traceback": text[-limits.FAULT_TEXT_CHARACTERS_MAX :]})


def letter_of(consumer: tuple[str, int], event: RecordedEvent, lane: str, error: bytes, attempts: int) -> Letter:
    """The dead letter of an event."""
    name, partition = consumer
    return Letter(name, partition, lane, event.position, event.id.bytes, event.type, event.stream, error, attempts)
