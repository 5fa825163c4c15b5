"""What a store must do, in plain lists: one append after the other, no index, no bytes, no concurrency.

Written from the contract (the port's docstrings and the reference), and by brute force where the store is clever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import everfold as ef


@dataclass(frozen=True, slots=True)
class Stored:
    """One event of the log."""

    position: int
    stream: str | None
    version: int | None
    type: str
    id: UUID
    tags: tuple[str, ...]
    event: object


@dataclass(frozen=True, slots=True)
class Stream:
    version: int = 0
    tombstoned: bool = False
    truncated_before: int = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """One append as a caller sends it; without a stream it belongs to a condition."""

    stream: str | None
    expected: Any
    events: tuple[ef.NewEvent, ...]


@dataclass(slots=True)
class Model:
    """The log, and where each stream stands."""

    type_names: dict[type, str]
    log: list[Stored] = field(default_factory=list)
    streams: dict[str, Stream] = field(default_factory=dict)

    def verdict(self, sent: Sequence[Sent], conditions: Sequence[ef.AppendCondition] = ()) -> object:
        """The class of the error, the first result when it is a repetition, or None: it will be written."""
        repeated = self.first_result(sent)
        if repeated is not None:
            return repeated
        draft = dict(self.streams)
        for one in sent:
            if one.stream is None:
                continue
            stream = draft.get(one.stream, Stream())
            if stream.tombstoned:
                return ef.StreamTombstonedError
            if not meets(stream.version, one.expected):
                return ef.WrongExpectedVersionError
            draft[one.stream] = replace(stream, version=stream.version + len(one.events))
        if any(self.matching(condition.query, condition.after) for condition in conditions):
            return ef.AppendConditionFailedError
        ids = [event.id for one in sent for event in one.events]
        if len(set(ids)) < len(ids) or any(event.id in ids for event in self.log):
            return ef.EventIdReusedError
        return None

    def first_result(self, sent: Sequence[Sent]) -> list[tuple[int | None, int]] | None:
        """(version, last position) of each append with events, when each of them stands in the log as one run."""
        runs = [self._run(one) for one in sent if one.events]
        if not runs or None in runs:
            return None
        return [(run[-1].version, run[-1].position) for run in runs if run is not None]

    def _run(self, sent: Sent) -> list[Stored] | None:
        """The events of the append, found by trying every place where it could stand."""
        ids = [event.id for event in sent.events]
        home = [event for event in self.log if event.stream == sent.stream]
        if sent.stream is None:
            found = [event for event in home if event.id in ids]
            return found if [event.id for event in found] == ids else None
        for start in range(len(home) - len(ids) + 1):
            if [event.id for event in home[start : start + len(ids)]] == ids:
                exact = sent.expected not in (ef.ANY, ef.STREAM_EXISTS)
                return None if exact and not meets(start, sent.expected) else home[start : start + len(ids)]
        return None

    def write(self, sent: Sequence[Sent], positions: Iterable[int]) -> None:
        """Take over what the store has written, at the positions that it gave."""
        given = iter(positions)
        for one in sent:
            for event in one.events:
                self._write(one.stream, event, next(given))

    def _write(self, name: str | None, event: ef.NewEvent, position: int) -> None:
        assert not self.log or position > self.log[-1].position, "positions grow"
        version = None
        if name is not None:
            stream = self.streams.get(name, Stream())
            version = stream.version + 1
            self.streams[name] = replace(stream, version=version)
        tags = tuple(sorted(set(event.tags)))
        self.log.append(
            Stored(position, name, version, self.type_names[type(event.payload)], event.id, tags, event.payload)
        )

    def truncate(self, name: str, before: int, expected: Any) -> object:
        """The class of the error; or None, and the head is cut."""
        refused = self._refusal(name, expected)
        if refused is not None:
            return refused
        stream = self.streams[name]
        if before > stream.version + 1:
            return ef.ConfigurationError
        self.streams[name] = replace(stream, truncated_before=max(before, stream.truncated_before))
        return None

    def tombstone(self, name: str, expected: Any) -> object:
        """The class of the error; or None, and the stream has ended."""
        refused = self._refusal(name, expected)
        if refused is None:
            self.streams[name] = replace(self.streams[name], tombstoned=True)
        return refused

    def _refusal(self, name: str, expected: Any) -> object:
        stream = self.streams.get(name, Stream())
        if stream.tombstoned:
            return ef.StreamTombstonedError
        return None if meets(stream.version, expected) and stream.version else ef.WrongExpectedVersionError

    def read_stream(self, name: str, after: int, up_to: int | None, backwards: bool, limit: int | None) -> list[Stored]:
        stream = self.streams.get(name, Stream())
        found = [
            event
            for event in self.log
            if event.stream == name
            and event.version > after
            and (up_to is None or event.version <= up_to)
            and event.version >= stream.truncated_before
        ]
        return (found[::-1] if backwards else found)[:limit]

    def matching(self, query: ef.Query, after: int = 0) -> list[Stored]:
        return [event for event in self.log if event.position > after and matches(query, event)]

    def events_of(self, name: str, up_to: int | None = None) -> list[object]:
        return [event.event for event in self.read_stream(name, 0, up_to, backwards=False, limit=None)]


def meets(version: int, expected: Any) -> bool:
    """Whether a stream at this version is what the writer expects."""
    if expected is ef.ANY:
        return True
    if expected is ef.STREAM_EXISTS:
        return version > 0
    return version == (0 if expected is ef.NO_STREAM else expected)


def matches(query: ef.Query, event: Stored) -> bool:
    """The rule of queries, spelled out: types or-ed, categories or-ed, tags and-ed, the three and-ed; items or-ed."""
    for item in query.items:
        by_type = item.types == () or event.type in item.types
        category = None if event.stream is None else event.stream.split("-")[0]
        by_category = item.categories == () or category in item.categories
        if by_type and by_category and all(tag in event.tags for tag in item.tags):
            return True
    return False
