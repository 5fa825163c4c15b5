"""Deciding: the state of the stream in, events out, and once more from the tail when another writer was faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

import everfold as ef

from ... import limits
from ..faults_async import AsyncFaults
from .backend_async import AsyncBackend
from .domain import Add, Counted, Noted, RefusedError, Tally, TallyAggregate, add_up, decide_add, tally
from .reading_async import log_of, stream_of


def deciding(decide: Callable[[Any, Tally], Any]) -> ef.Decider[Any, Tally]:
    return ef.Decider(initial_state=Tally, evolve=add_up, decide=decide)


def generated(command: Add, state: Tally) -> Iterator[Counted]:
    yield Counted(state.total)
    yield Counted(command.by)


@dataclass
class Ledger:
    """A state that `evolve` changes in place."""

    entries: list[int] = field(default_factory=list)


def enter(state: Ledger, event: Counted) -> Ledger:
    state.entries.append(event.by)
    return state


ledger: ef.Decider[Add, Ledger] = ef.Decider(
    initial_state=Ledger, evolve=enter, decide=lambda command, state: Counted(command.by)
)

RETURNED: dict[str, tuple[Callable[[Add, Tally], Any], list[int]]] = {
    "one event": (lambda command, state: Counted(1), [1]),
    "a list": (lambda command, state: [Counted(1), Counted(2)], [1, 2]),
    "a tuple": (lambda command, state: (Counted(1), Counted(2)), [1, 2]),
    "a generator": (generated, [0, 1]),
    "an empty list": (lambda command, state: [], []),
    "nothing": (lambda command, state: None, []),
    "a new event": (lambda command, state: ef.NewEvent(Counted(3), tags=["t"]), [3]),
}


def watched(seen: list[int]) -> ef.Decider[Add, Tally]:
    """The tally, which notes the total that each decision saw."""

    def decide(command: Add, state: Tally) -> Counted | None:
        seen.append(state.total)
        return decide_add(command, state)

    return deciding(decide)


async def with_rival(
    backend: AsyncBackend, stored: Sequence[Counted] = (), *, times: int
) -> tuple[ef.AsyncEventStore, AsyncFaults]:
    """A store whose next `times` commits each find that another writer was faster, by 100."""
    store, faults = await backend.open_faulty()
    other = await backend.open()
    await other.append("tally-1", stored, expected_version=0)

    async def rival() -> None:
        await other.append("tally-1", [Counted(100)], expected_version=ef.ANY)

    faults.interpose("commit", rival, times=times)
    return store, faults


class Deciders:
    @pytest.mark.parametrize("returned", RETURNED)
    async def test_what_decide_returns_is_appended(self, store: ef.AsyncEventStore, returned: str) -> None:
        decide, amounts = RETURNED[returned]
        decision = await store.decide("tally-1", deciding(decide), Add())
        assert [e.by for e in decision.events] == [e.event.by for e in await stream_of(store, "tally-1")] == amounts
        assert (decision.state.total, decision.version) == (sum(amounts), len(amounts))

    async def test_the_decision_says_what_became_of_it(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Counted(5)], expected_version=0)
        decision = await store.decide("tally-1", tally, Add(2))
        [_, stored] = await stream_of(store, "tally-1")
        assert (decision.state, decision.events) == (Tally(7, 2), (Counted(2),))
        assert (decision.version, decision.position) == (2, stored.position)
        assert decision.recorded == (stored,)

    async def test_deciding_nothing_writes_nothing(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Counted(5)], expected_version=0)
        decision = await store.decide("tally-1", tally, Add(0))
        assert (decision.state.total, decision.events, decision.recorded) == (5, (), ())
        assert (decision.version, decision.position, len(await log_of(store))) == (1, 0, 1)

    async def test_a_refusal_passes_through_and_writes_nothing(self, store: ef.AsyncEventStore) -> None:
        await store.decide("tally-1", tally, Add(5))
        with pytest.raises(RefusedError):
            await store.decide("tally-1", tally, Add(6, limit=10))
        assert len(await log_of(store)) == 1

    async def test_ids_metadata_and_tags_of_a_new_event_are_kept(self, store: ef.AsyncEventStore) -> None:
        new = ef.NewEvent(Counted(1), metadata={"why": "test"}, tags=["sum:1"])
        decision = await store.decide("tally-1", deciding(lambda c, s: new), Add(), metadata={"actor": "anna"})
        [stored] = decision.recorded
        assert (stored.id, stored.tags) == (new.id, ("sum:1",))
        assert stored.metadata == {"actor": "anna", "why": "test"}

    async def test_after_a_conflict_it_decides_again_on_the_new_state(self, backend: AsyncBackend) -> None:
        store, _ = await with_rival(backend, [Counted(1)] * 50, times=2)
        seen: list[int] = []
        decision = await store.decide("tally-1", watched(seen), Add(7))
        assert (seen, decision.state.total) == ([50, 150, 250], 257)
        assert decision.version == 53

    async def test_after_a_conflict_it_reads_the_tail_only(self, backend: AsyncBackend) -> None:
        store, faults = await with_rival(backend, [Counted(1)] * 50, times=1)
        folded: list[int] = []

        def evolve(state: Tally, event: Counted) -> Tally:
            folded.append(event.by)
            return add_up(state, event)

        counting = ef.Decider(initial_state=Tally, evolve=evolve, decide=decide_add)
        decision = await store.decide("tally-1", counting, Add(7))
        assert (decision.state.total, faults.calls["read_stream"]) == (157, 2)
        assert folded == [*[1] * 50, 100, 7]

    async def test_its_attempts_are_bounded(self, backend: AsyncBackend) -> None:
        store, _ = await with_rival(backend, times=99)
        seen: list[int] = []
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.decide("tally-1", watched(seen), Add())
        assert len(seen) == limits.DECIDE_ATTEMPTS_MAX
        assert {e.event for e in await log_of(store)} == {Counted(100)}

    @pytest.mark.parametrize("expected", [0, ef.ANY, ef.NO_STREAM], ids=str)
    async def test_with_an_expected_version_a_conflict_is_raised_at_once(
        self, backend: AsyncBackend, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 2."""
        store, _ = await with_rival(backend, times=1)
        seen: list[int] = []
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.decide("tally-1", watched(seen), Add(), expected_version=expected)
        assert seen == [0]
        assert [e.event for e in await log_of(store)] == [Counted(100)]

    @pytest.mark.parametrize("expected", [0, 2, 9, ef.NO_STREAM], ids=str)
    async def test_a_stale_expected_version_is_a_conflict_before_anything_is_decided(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 2."""
        await store.append("tally-1", [Counted()], expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.decide("tally-1", deciding(never), Add(), expected_version=expected)
        assert (caught.value.actual, len(await log_of(store))) == (1, 1)

    @pytest.mark.parametrize("expected", [1, ef.ANY, ef.STREAM_EXISTS], ids=str)
    async def test_an_expected_version_that_holds_decides(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 2."""
        await store.append("tally-1", [Counted()], expected_version=0)
        assert (await store.decide("tally-1", tally, Add(), expected_version=expected)).version == 2

    async def test_the_stream_must_exist_when_the_caller_says_so(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.decide("tally-1", tally, Add(), expected_version=ef.STREAM_EXISTS)
        assert caught.value.expected is ef.STREAM_EXISTS
        assert await log_of(store) == []

    async def test_events_that_the_decider_does_not_know_count_in_the_version(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Noted("a"), Counted(3), Noted("b")], expected_version=0)
        loaded = await store.load("tally-1", tally)
        assert (loaded.state, loaded.version) == (Tally(3, 3), 3)

    async def test_an_aggregate_class_decides_as_a_decider_does(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Noted("is left alone")], expected_version=0)
        decision = await store.decide("tally-1", TallyAggregate, Add(4))
        by_function = await store.decide("tally-1", TallyAggregate, lambda tally: tally.add(Add(5)))
        assert (decision.state.total, by_function.state.total) == (4, 9)
        assert (await store.load("tally-1", TallyAggregate)).state.total == 9

    async def test_a_state_that_evolve_changes_in_place_is_right_after_a_conflict(self, backend: AsyncBackend) -> None:
        store, _ = await with_rival(backend, [Counted(1), Counted(2)], times=2)
        decision = await store.decide("tally-1", ledger, Add(3))
        assert decision.state.entries == [1, 2, 100, 100, 3]
        assert (await store.load("tally-1", ledger)).state.entries == decision.state.entries

    async def test_a_loaded_state_is_the_callers_own(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Counted(1)], expected_version=0)
        (await store.load("tally-1", ledger)).state.entries.append(99)
        assert (await store.load("tally-1", ledger)).state.entries == [1]

    async def test_a_reused_event_id_is_not_decided_again(self, store: ef.AsyncEventStore) -> None:
        used = ef.NewEvent(Counted(1))
        await store.append("tally-2", [used], expected_version=0)
        decided: list[int] = []

        def reusing(command: Add, state: Tally) -> ef.NewEvent:
            decided.append(state.total)
            return used

        with pytest.raises(ef.EventIdReusedError):
            await store.decide("tally-1", deciding(reusing), Add())
        assert decided == [0]

    @pytest.mark.parametrize("wrong", [None, int, "tally", Tally], ids=repr)
    async def test_what_is_no_decider_is_refused(self, store: ef.AsyncEventStore, wrong: Any) -> None:
        with pytest.raises(ef.ConfigurationError, match="Decider"):
            await store.decide("tally-1", wrong, Add())


def never(command: Add, state: Tally) -> Counted:
    raise AssertionError("it was not to be decided")
