"""What the store's verbs give back: plain values, the same for threads and tasks. Events are built when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from ..events.envelope import RecordedEvent, Row
from ..storage.unit import Appended, EncodedEvent, StreamAppend

__all__ = ["AppendResult", "Boundary", "Decision", "Loaded", "written_rows"]

State = TypeVar("State")

_encode_tags = msgspec.json.Encoder().encode


class AppendResult:
    """Where an append ended. `version` is the stream's after it (None outside streams), `position` the last event's.

    An append without events has position 0. `repeated` says that these events had been stored by an earlier call,
    whose result this is. Equal when what was stored is the same.
    """

    __slots__ = ("_events", "_make_events", "position", "repeated", "version")

    def __init__(
        self, appended: Appended, make_events: Callable[[], tuple[RecordedEvent, ...]], repeated: bool
    ) -> None:
        self.version = appended.version
        self.position = appended.positions[-1] if appended.positions else 0
        self.repeated = repeated
        self._make_events = make_events
        self._events: tuple[RecordedEvent, ...] | None = None

    @property
    def events(self) -> tuple[RecordedEvent, ...]:
        """The events as recorded, in order."""
        if self._events is None:
            self._events = self._make_events()
        return self._events

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AppendResult) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.version, self.position))

    def _identity(self) -> tuple[object, ...]:
        # `repeated` tells of the call and not of what was stored: a retry's result equals the first one's
        return self.version, self.position, self.events

    def __reduce__(self) -> tuple[object, ...]:
        return _arrived, (self.version, self.events, self.repeated)

    def __repr__(self) -> str:
        return f"AppendResult(version={self.version}, position={self.position}, repeated={self.repeated})"


def _arrived(version: int | None, events: tuple[RecordedEvent, ...], repeated: bool) -> AppendResult:
    return AppendResult(Appended(version, tuple(event.position for event in events), 0), lambda: events, repeated)


@dataclass(frozen=True, slots=True)
class Decision(Generic[State]):
    """What was decided. `events` are the payload objects, `recorded` the same as stored; both empty when nothing was.

    `state` is the state after the events, `version` the stream's (None over a boundary without a stream), `position`
    the last event's, 0 when nothing was appended.
    """

    state: State
    events: tuple[Any, ...]
    version: int | None
    position: int
    result: AppendResult | None = None

    @property
    def recorded(self) -> tuple[RecordedEvent, ...]:
        """The events as recorded."""
        return () if self.result is None else self.result.events


@dataclass(frozen=True, slots=True)
class Loaded(Generic[State]):
    """A stream's state, and the version that it stands at."""

    state: State
    version: int


@dataclass(frozen=True, slots=True)
class Boundary:
    """The state over a query; it has seen every match up to `horizon`, and those at the positions `seen` above it."""

    state: Any
    horizon: int
    seen: tuple[int, ...]


def written_rows(append: StreamAppend, appended: Appended) -> list[Row]:
    """The rows that an append wrote, as a read would give them."""
    first = None if appended.version is None else appended.version - len(append.events) + 1
    return [
        _row(event, position, append.stream, None if first is None else first + n, appended.recorded_at)
        for n, (event, position) in enumerate(zip(append.events, appended.positions, strict=True))
    ]


def _row(event: EncodedEvent, position: int, stream: str | None, version: int | None, recorded_at: int) -> Row:
    tags = _encode_tags(event.tags).decode() if event.tags else None
    place = (position, stream, version, event.type, event.schema_version, event.id, recorded_at)
    return (*place, event.data, event.metadata, tags)
