"""What the store hands over is a value: it compares, copies, and travels to another process."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass

import pytest

import everfold as ef


@dataclass(frozen=True)
class Noted:
    text: str


notes = ef.Module("notes")
notes.event("noted")(Noted)


@pytest.fixture
def store():
    with ef.EventStore.open("memory://", notes) as opened:
        yield opened


def by_pickle(value):
    return pickle.loads(pickle.dumps(value))


def test_the_result_of_a_retry_equals_the_first(store):
    sent = [ef.NewEvent(Noted("a"), tags=["t"]), ef.NewEvent(Noted("b"))]
    first = store.append("note-1", sent, expected_version=0)
    other = store.append("note-2", [Noted("c")], expected_version=0)
    again = store.append("note-1", sent, expected_version=0)
    assert again.repeated
    assert again == first
    assert hash(again) == hash(first)
    assert other != first


@pytest.mark.parametrize("carry", [by_pickle, copy.copy, copy.deepcopy])
def test_results_and_events_are_the_same_elsewhere(store, carry):
    result = store.append(
        "note-1", [ef.NewEvent(Noted("a"), tags=["t"])], expected_version=0, metadata={"actor": "ann"}
    )
    [read] = store.read_all()
    assert carry(result) == result
    assert carry(result).repeated is False
    for event in (read, result.events[0]):
        carried = carry(event)
        assert carried == event
        assert attributes(carried) == attributes(event)


def test_an_empty_result_travels_too(store):
    result = by_pickle(store.append("note-1", [], expected_version=0))
    assert (result.version, result.position, result.events) == (0, 0, ())


def test_an_event_without_a_registered_class_travels_without_its_payload(store):
    store.append("note-1", [Noted("a")], expected_version=0)
    stranger = ef.EventStore(store._scope.__class__(**{**scope_of(store), "registry": store.registry.of([])}))
    carried = by_pickle(next(iter(stranger.read_all())))
    assert carried.data == {"text": "a"}
    with pytest.raises(ef.UnknownEventTypeError, match="noted"):
        _ = carried.event


def test_a_decision_travels(store):
    decider = ef.Decider(
        initial_state=list, evolve=lambda state, event: [*state, event], decide=lambda command, _: command
    )
    decision = store.decide("note-1", decider, Noted("a"))
    assert by_pickle(decision) == decision


def attributes(event):
    names = ("event", "data", "raw", "type", "schema_version", "stream", "version", "position", "id", "metadata")
    return [getattr(event, name) for name in (*names, "tags", "recorded_at", "tenant")]


def scope_of(store):
    return {name: getattr(store._scope, name) for name in store._scope.__slots__}
