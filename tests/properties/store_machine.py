"""A machine that does to a store and to its model the same things at random, and compares every answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import everfold as ef
from everfold import limits

from .store_model import Model, Sent, Stored, meets

desk = ef.Module("desk")


@desk.event("added")
@dataclass(frozen=True, slots=True)
class Added:
    amount: int


@desk.event("noted", aliases=["remarked"])
@dataclass(frozen=True, slots=True)
class Noted:
    text: str


@dataclass(frozen=True, slots=True)
class Sum:
    total: int = 0
    events: int = 0


class Refused(Exception):
    """The decider's own rule."""


def evolve(state: Sum, event: object) -> Sum:
    return Sum(state.total + (event.amount if isinstance(event, Added) else 0), state.events + 1)


def decide(amounts: list[int], state: Sum) -> list[Added]:
    if state.total + sum(amounts) > 20:
        raise Refused
    return [Added(amount) for amount in amounts]


adder = ef.Decider(initial_state=Sum, evolve=evolve, decide=decide)
adder_with_snapshots = ef.Decider(
    initial_state=Sum, evolve=evolve, decide=decide, snapshots=ef.Snapshots(every=3, name="sum")
)
"""Snapshots hold what a truncation hides, so it decides on streams that are never cut."""

CUT = ("note-1", "note-2", "other")
WHOLE = ("sum-1", "sum-2")
TAGS = ("t:1", "t:2", "t:3")

names = st.sampled_from(CUT + WHOLE)
payloads = st.one_of(st.builds(Added, st.integers(-5, 5)), st.builds(Noted, st.text("ab'\"\\é😀", max_size=4)))
new_events = st.builds(ef.NewEvent, payloads, tags=st.lists(st.sampled_from(TAGS), max_size=2))
batches = st.lists(new_events, max_size=3).map(tuple)
words = st.sampled_from([ef.ANY, ef.NO_STREAM, ef.STREAM_EXISTS])
numbers = st.integers(0, 12)
limited = st.none() | st.integers(0, 6)
queries = st.lists(
    st.builds(
        ef.Query,
        types=st.lists(st.sampled_from(["added", "noted", "never"]), max_size=2),
        categories=st.lists(st.sampled_from(["note", "sum", "other"]), max_size=2),
        tags=st.lists(st.sampled_from(TAGS), max_size=2),
    ),
    min_size=1,
    max_size=2,
).map(lambda found: found[0] if len(found) == 1 else found[0] | found[1])


def key(event: ef.RecordedEvent) -> Stored:
    return Stored(event.position, event.stream, event.version, event.type, event.id, event.tags, event.event)


class StoreMachine(RuleBasedStateMachine):
    """`open_store()` opens the store, a new and empty one at first; after a close it must find what was written."""

    def __init__(self, open_store: Callable[[], ef.EventStore]) -> None:
        super().__init__()
        self.open_store = open_store
        self.store = open_store()
        self.model = Model({Added: "added", Noted: "noted"})
        self.written: list[tuple[list[Sent], list[ef.AppendCondition]]] = []

    def teardown(self) -> None:
        self.store.close()

    @initialize(size=st.sampled_from([1, 2, 1000]))
    def pages_have_a_size(self, size: int) -> None:
        limits.PAGE_EVENTS = size
        limits.PAGE_EVENTS_FIRST = size

    # Writing

    @rule(name=names, events=batches, data=st.data())
    def append(self, name: str, events: tuple, data: st.DataObject) -> None:
        expected = self._expectation(name, data)
        events = self._reusing(events, data)
        self._send([Sent(name, expected, events)], [], lambda: self._append(name, events, expected))

    @rule(parts=st.lists(st.tuples(names, batches), min_size=1, max_size=3), query=st.none() | queries, data=st.data())
    def unit(self, parts: list, query: ef.Query | None, data: st.DataObject) -> None:
        sent = [Sent(name, self._expectation(name, data), self._reusing(events, data)) for name, events in parts]
        conditions = [] if query is None else [ef.AppendCondition(query, after=self._position(data))]
        if conditions:
            sent.append(Sent(data.draw(st.none() | names), ef.ANY, data.draw(batches)))
        self._send(sent, conditions, lambda: self._unit(sent, conditions))

    @rule(name=st.none() | names, events=batches, query=queries, data=st.data())
    def append_if(self, name: str | None, events: tuple, query: ef.Query, data: st.DataObject) -> None:
        events = self._reusing(events, data)
        condition = ef.AppendCondition(query, after=self._position(data))
        call = lambda: [self.store.append_if(events, condition, stream=name)]  # noqa: E731
        self._send([Sent(name, ef.ANY, events)], [condition], call)

    @precondition(lambda self: self.written)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        sent, conditions = data.draw(st.sampled_from(self.written))
        self._send(sent, conditions, lambda: self._unit(sent, conditions))

    @rule(name=st.sampled_from(CUT), data=st.data())
    def truncate(self, name: str, data: st.DataObject) -> None:
        expected = self._expectation(name, data)
        before = data.draw(st.integers(1, self._version(name) + 2))
        call = lambda: self.store.truncate(name, before_version=before, expected_version=expected)  # noqa: E731
        assert error_of(call) is self.model.truncate(name, before, expected)

    @rule(name=st.sampled_from([CUT[-1], WHOLE[-1]]), data=st.data())
    def tombstone(self, name: str, data: st.DataObject) -> None:
        expected = self._expectation(name, data)
        call = lambda: self.store.tombstone(name, expected_version=expected)  # noqa: E731
        assert error_of(call) is self.model.tombstone(name, expected)

    @precondition(lambda self: self.store.storage.capabilities.durable)
    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open_store()

    # Deciding

    @rule(name=st.sampled_from(WHOLE), amounts=st.lists(st.integers(0, 9), max_size=2), data=st.data())
    def decide(self, name: str, amounts: list[int], data: st.DataObject) -> None:
        decider = data.draw(st.sampled_from([adder, adder_with_snapshots]))
        expected = data.draw(st.none() | words | st.just(self._version(name)))
        before = decider.fold(self.model.events_of(name))
        refused = self._refusal_of_decision(name, amounts, expected, before)
        call = lambda: self.store.decide(name, decider, amounts, expected_version=expected)  # noqa: E731
        error, decision = outcome_of(call)
        assert error is refused
        if refused is None:
            assert decision.state == decider.fold(decision.events, before)
            assert decision.version == self._version(name) + len(amounts)
            self._take([Sent(name, None, tuple(_sent(event) for event in decision.recorded))], decision.recorded)

    def _refusal_of_decision(self, name: str, amounts: list[int], expected: Any, state: Sum) -> object:
        stream = self.model.streams.get(name)
        if stream is not None and stream.tombstoned:
            return ef.StreamTombstonedError
        if expected is not None and not meets(self._version(name), expected):
            return ef.WrongExpectedVersionError
        return Refused if state.total + sum(amounts) > 20 else None

    @rule(
        query=queries, amounts=st.lists(st.integers(0, 9), max_size=2), tags=st.lists(st.sampled_from(TAGS), max_size=2)
    )
    def decide_over(self, query: ef.Query, amounts: list[int], tags: list[str]) -> None:
        before = adder.fold(event.event for event in self.model.matching(query))
        refused = Refused if before.total + sum(amounts) > 20 else None
        call = lambda: self.store.decide_over(query, adder, amounts, tags=tags)  # noqa: E731
        error, decision = outcome_of(call)
        assert error is refused
        if refused is None:
            assert decision.state == adder.fold(decision.events, before)
            assert all(event.tags == tuple(sorted(set(tags))) for event in decision.recorded)
            self._take([Sent(None, ef.ANY, tuple(_sent(event) for event in decision.recorded))], decision.recorded)

    # Reading

    @rule(name=names, after=numbers, up_to=st.none() | numbers, backwards=st.booleans(), limit=limited)
    def read_stream(self, name: str, after: int, up_to: int | None, backwards: bool, limit: int | None) -> None:
        read = lambda: list(  # noqa: E731
            self.store.read_stream(name, after_version=after, up_to_version=up_to, backwards=backwards, limit=limit)
        )
        stream = self.model.streams.get(name)
        if stream is not None and stream.tombstoned and limit != 0:
            assert error_of(read) is ef.StreamTombstonedError
        elif limit != 0:
            expected = self.model.read_stream(name, after, up_to, backwards, limit)
            assert [key(event) for event in read()] == expected

    @rule(query=st.none() | queries, backwards=st.booleans(), limit=limited, data=st.data())
    def read_all(self, query: ef.Query | None, backwards: bool, limit: int | None, data: st.DataObject) -> None:
        after = self._position(data)
        found = [key(e) for e in self.store.read_all(after=after, query=query, backwards=backwards, limit=limit)]
        expected = self.model.matching(query or ef.Query(), after)
        assert found == (expected[::-1] if backwards else expected)[:limit]

    @rule(name=st.sampled_from(WHOLE), at=st.none() | numbers, snapshots=st.booleans())
    def load(self, name: str, at: int | None, snapshots: bool) -> None:
        decider = adder_with_snapshots if snapshots else adder
        stream = self.model.streams.get(name)
        if stream is not None and stream.tombstoned:
            assert error_of(lambda: self.store.load(name, decider, at_version=at)) is ef.StreamTombstonedError
            return
        loaded = self.store.load(name, decider, at_version=at)
        events = self.model.events_of(name, at)
        assert (loaded.state, loaded.version) == (decider.fold(events), len(events))

    @invariant()
    def the_store_stands_where_the_model_stands(self) -> None:
        assert self.store.head() == (self.model.log[-1].position if self.model.log else 0)
        found = {s.name: (s.version, s.status, s.truncated_before) for s in self.store.streams()}
        status = {False: "open", True: "tombstoned"}
        assert found == {
            name: (s.version, status[s.tombstoned], s.truncated_before) for name, s in self.model.streams.items()
        }

    # Both at once

    def _send(self, sent: list[Sent], conditions: list, call: Callable[[], list[ef.AppendResult]]) -> None:
        verdict = self.model.verdict(sent, conditions)
        error, results = outcome_of(call)
        if isinstance(verdict, type):
            assert error is verdict
            return
        assert error is None
        if verdict is not None:
            with_events = [result for one, result in zip(sent, results, strict=True) if one.events]
            assert [(result.version, result.position) for result in with_events] == verdict
            assert all(result.repeated for result in results)
            return
        assert not any(result.repeated for result in results)
        self._take(sent, [event for result in results for event in result.events])
        self.written.append((sent, conditions))

    def _take(self, sent: list[Sent], recorded: list[ef.RecordedEvent] | tuple) -> None:
        self.model.write(sent, [event.position for event in recorded])
        assert [key(event) for event in recorded] == self.model.log[len(self.model.log) - len(recorded) :]

    def _append(self, name: str, events: tuple, expected: Any) -> list[ef.AppendResult]:
        return [self.store.append(name, events, expected_version=expected)]

    def _unit(self, sent: list[Sent], conditions: list[ef.AppendCondition]) -> list[ef.AppendResult]:
        with self.store.unit() as unit:
            plain, guarded = (sent[: -len(conditions)], sent[-len(conditions) :]) if conditions else (sent, [])
            for one in plain:
                unit.append(one.stream, one.events, expected_version=one.expected)
            for one, condition in zip(guarded, conditions, strict=True):
                unit.append_if(one.events, condition, stream=one.stream)
        return list(unit.results)

    def _version(self, name: str) -> int:
        stream = self.model.streams.get(name)
        return 0 if stream is None else stream.version

    def _expectation(self, name: str, data: st.DataObject) -> Any:
        near = [self._version(name)] * 3 + [max(0, self._version(name) + step) for step in (-2, -1, 1)]
        return data.draw(words | st.sampled_from(near))

    def _position(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([0, *(event.position for event in self.model.log)]))

    def _reusing(self, events: tuple, data: st.DataObject) -> tuple:
        """The events, one of them under an id that is stored already, now and then."""
        if not events or not self.model.log or data.draw(st.integers(0, 4)):
            return events
        old = data.draw(st.sampled_from(self.model.log))
        return (*events[:-1], ef.NewEvent(old.event, id=old.id, tags=old.tags))


def _sent(event: ef.RecordedEvent) -> ef.NewEvent:
    return ef.NewEvent(event.event, id=event.id, tags=event.tags)


def error_of(call: Callable[[], Any]) -> type[Exception] | None:
    """The class of what it raises."""
    return outcome_of(call)[0]


def outcome_of(call: Callable[[], Any]) -> tuple[type[Exception] | None, Any]:
    """The class of what it raises, or what it returns."""
    try:
        return None, call()
    except (ef.EverfoldError, Refused) as error:
        return type(error), None
