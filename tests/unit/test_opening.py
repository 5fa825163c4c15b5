"""What `open` takes, in each of its forms; and what it refuses, by its own error."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec
import pytest

import everfold as ef


class Noted(msgspec.Struct, frozen=True):
    text: str


notes = ef.Module("notes")
notes.event("noted")(Noted)

NOON = datetime(2026, 5, 27, 12, tzinfo=timezone.utc)


class Noon:
    def now(self):
        return NOON


@pytest.mark.parametrize("clock", [Noon(), lambda: NOON], ids=["object", "function"])
def test_a_clock_is_an_object_or_a_function(clock):
    with ef.EventStore.open("memory://", notes, clock=clock) as store:
        assert store.append("note-1", [Noted("a")], expected_version=0).events[0].recorded_at == NOON


def test_a_clock_without_a_time_zone_is_refused():
    with ef.EventStore.open("memory://", notes, clock=lambda: datetime(2026, 5, 27)) as store:
        with pytest.raises(ef.ConfigurationError, match="time zone"):
            store.append("note-1", [Noted("a")], expected_version=0)
        assert store.stream("note-1") is None


def test_a_cache_is_a_state_cache_or_a_number_of_states():
    counted = ef.Decider(initial_state=int, evolve=lambda state, _: state + 1, decide=lambda command, _: command)
    for cache in (ef.StateCache(10), 10, None):
        with ef.EventStore.open("memory://", notes, cache=cache) as store:
            assert [store.decide("note-1", counted, Noted("a")).state for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "sqlite:/file.db",
        "sqlite://",
        "sqlite:///",
        "mysql://host/db",
        "memory://?schema=a",
        "sqlite:///file.db?colour=blue",
        "sqlite:///file.db?busy_timeout_seconds=soon",
    ],
)
def test_a_url_that_names_no_store_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ef.ConfigurationError):
        ef.EventStore.open(url, notes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"clock": 5}, {"cache": "big"}, {"cache": 0}, {"migrate": "later"}, {"colour": 1}])
def test_an_option_that_means_nothing_is_refused(options):
    with pytest.raises(ef.ConfigurationError):
        ef.EventStore.open("memory://", notes, **options)


@pytest.mark.parametrize("module", ["notes", None, [notes], Noted])
def test_what_is_no_module_is_refused(module):
    with pytest.raises(ef.ConfigurationError, match="no Module"):
        ef.EventStore.open("memory://", module)


@pytest.mark.parametrize("number", [-1, 2**63, "1", 1.5, True])
def test_what_is_no_version_or_position_is_refused(number):
    query = ef.Query(types=["noted"])
    with ef.EventStore.open("memory://", notes) as store:
        calls = [
            lambda: store.append("note-1", [Noted("a")], expected_version=number),
            lambda: store.append_if([Noted("a")], ef.AppendCondition(query, after=number)),
            lambda: list(store.read_stream("note-1", after_version=number)),
            lambda: list(store.read_all(after=number)),
            lambda: next(store.subscribe(after=number)),
        ]
        for call in calls:
            with pytest.raises(ef.ConfigurationError):
                call()
        assert store.head() == 0


def test_what_is_no_query_is_refused():
    with ef.EventStore.open("memory://", notes) as store:
        with pytest.raises(ef.ConfigurationError, match=r"ef\.Query"):
            list(store.read_all(query="noted"))
        with pytest.raises(ef.ConfigurationError, match=r"ef\.AppendCondition"):
            store.append_if([], ef.Query())
        with pytest.raises(ef.ConfigurationError, match=r"ef\.Query"):
            ef.AppendCondition("noted")


def test_a_decider_of_no_functions_is_refused():
    with pytest.raises(ef.ConfigurationError, match="initial_state"):
        ef.Decider(initial_state=0, evolve=lambda state, _: state, decide=lambda command, _: command)


@pytest.mark.parametrize("number", [0, -1, 1.5, True, "1"])
def test_snapshots_are_counted_in_whole_numbers(number):
    with pytest.raises(ef.ConfigurationError):
        ef.Snapshots(every=number)


def test_an_aggregate_may_decide_by_one_method():
    class Notes(ef.Aggregate):
        def __init__(self):
            self.texts = []

        @ef.applies(Noted)
        def _(self, event):
            self.texts.append(event.text)

        def decide(self, command):
            return Noted(f"{command}{len(self.texts)}")

    with ef.EventStore.open("memory://", notes) as store:
        store.decide("note-1", Notes, "a")
        assert store.decide("note-1", Notes, "b").state.texts == ["a0", "b1"]


def test_a_state_that_no_snapshot_can_hold_is_refused_at_the_first_load_and_not_when_one_is_due():
    class Plain:
        pass

    counted = ef.Decider(
        initial_state=Plain,
        evolve=lambda state, _: state,
        decide=lambda command, _: command,
        snapshots=ef.Snapshots(every=200),
    )
    with ef.EventStore.open("memory://", notes) as store:
        with pytest.raises(ef.ConfigurationError, match="Plain"):
            store.decide("note-1", counted, Noted("a"))
        assert store.stream("note-1") is None
