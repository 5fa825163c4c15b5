"""Deciding over a dynamic consistency boundary: everything that matches a query is the state."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import everfold as ef

from ... import limits
from ..racing import race_async
from .backend_async import AsyncBackend
from .deciders_async import watched
from .domain import Add, Counted, RefusedError, tally
from .reading_async import log_of, stream_of

BOUNDARY = ef.Query(tags=["sum:1"])


def counted(by: int, *tags: str) -> ef.NewEvent:
    return ef.NewEvent(Counted(by), tags=tags or ("sum:1",))


class DecideOver:
    async def test_the_state_is_everything_that_matches_wherever_it_lives(self, store: ef.AsyncEventStore) -> None:
        await store.append("a-1", [counted(1), counted(50, "sum:2")], expected_version=0)
        await store.append("b-1", [counted(2)], expected_version=0)
        await store.append_if([counted(3)], ef.AppendCondition(ef.Query(tags=["none"])))
        decision = await store.decide_over(BOUNDARY, tally, Add(4), tags=["sum:1"])
        assert decision.state.total == 10
        assert decision.version is None
        assert decision.position == await store.head()

    async def test_an_empty_boundary_gives_the_initial_state(self, store: ef.AsyncEventStore) -> None:
        assert (await store.decide_over(BOUNDARY, tally, Add(1), tags=["sum:1"])).state.total == 1

    async def test_its_events_get_the_tags_beside_their_own(self, store: ef.AsyncEventStore) -> None:
        own: ef.Decider[Any, int] = ef.Decider(
            initial_state=int, evolve=lambda s, e: s + e.by, decide=lambda c, s: counted(1, "own")
        )
        decision = await store.decide_over(BOUNDARY, own, None, tags=["sum:1"])
        assert decision.recorded[0].tags == ("own", "sum:1")
        assert await log_of(store, query=BOUNDARY) == list(decision.recorded)

    async def test_with_a_stream_its_events_live_there(self, store: ef.AsyncEventStore) -> None:
        await store.append("sum-1", [Counted(9)], expected_version=0)
        decision = await store.decide_over(BOUNDARY, tally, Add(1), tags=["sum:1"], stream="sum-1")
        assert (decision.version, decision.state.total) == (2, 1)
        assert [e.event.by for e in await stream_of(store, "sum-1")] == [9, 1]

    async def test_deciding_nothing_writes_nothing(self, store: ef.AsyncEventStore) -> None:
        decision = await store.decide_over(BOUNDARY, tally, Add(0), tags=["sum:1"])
        assert (decision.events, decision.position, await log_of(store)) == ((), 0, [])

    async def test_a_refusal_passes_through_and_writes_nothing(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(RefusedError):
            await store.decide_over(BOUNDARY, tally, Add(2, limit=1), tags=["sum:1"])
        assert await log_of(store) == []

    async def test_after_a_conflict_it_decides_again(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        other = await backend.open()

        async def rival() -> None:
            await other.append("a-1", [counted(100)], expected_version=ef.ANY)

        faults.interpose("commit", rival, times=2)
        seen: list[int] = []
        decision = await store.decide_over(BOUNDARY, watched(seen), Add(7), tags=["sum:1"])
        assert (seen, decision.state.total) == ([0, 100, 200], 207)

    async def test_its_attempts_are_bounded(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        other = await backend.open()

        async def rival() -> None:
            await other.append("a-1", [counted(100)], expected_version=ef.ANY)

        faults.interpose("commit", rival, times=99)
        seen: list[int] = []
        with pytest.raises(ef.AppendConditionFailedError):
            await store.decide_over(BOUNDARY, watched(seen), Add(), tags=["sum:1"])
        assert len(seen) == limits.DECIDE_ATTEMPTS_MAX

    async def test_an_append_outside_the_boundary_is_no_conflict(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        other = await backend.open()

        async def neighbour() -> None:
            await other.append("a-1", [counted(100, "sum:2")], expected_version=ef.ANY)

        faults.interpose("commit", neighbour)
        seen: list[int] = []
        await store.decide_over(BOUNDARY, watched(seen), Add(7), tags=["sum:1"])
        assert seen == [0]

    async def test_a_boundary_of_classes_folds_their_events_only(self, store: ef.AsyncEventStore) -> None:
        await store.append("a-1", [counted(1, "x"), counted(2, "y")], expected_version=0)
        query = ef.Query(types=[Counted], tags=["y"])
        assert (await store.decide_over(query, tally, Add(0))).state.total == 2

    async def test_a_boundary_of_many_pages_is_folded_whole(self, store: ef.AsyncEventStore) -> None:
        await store.append("a-1", [counted(1) for _ in range(limits.PAGE_EVENTS + 5)], expected_version=0)
        decision = await store.decide_over(BOUNDARY, tally, Add(1), tags=["sum:1"])
        assert decision.state.total == limits.PAGE_EVENTS + 6

    async def test_racers_on_one_boundary_each_count_once_or_are_told(self, store: ef.AsyncEventStore) -> None:
        outcomes = await race_async([partial(store.decide_over, BOUNDARY, tally, Add(1), tags=["sum:1"])] * 6)
        refused = [o for o in outcomes if isinstance(o, Exception)]
        assert {type(error) for error in refused} <= {ef.AppendConditionFailedError}
        folded = (await store.decide_over(BOUNDARY, tally, Add(0))).state
        assert folded.total == folded.events == 6 - len(refused)

    async def test_a_limit_over_a_boundary_holds_against_racers(self, store: ef.AsyncEventStore) -> None:
        """Six want the last three places."""
        command = Add(1, limit=3)
        outcomes = await race_async([partial(store.decide_over, BOUNDARY, tally, command, tags=["sum:1"])] * 6)
        assert len([o for o in outcomes if not isinstance(o, Exception)]) == 3
        assert {type(o) for o in outcomes if isinstance(o, Exception)} <= {RefusedError, ef.AppendConditionFailedError}
        assert (await store.decide_over(BOUNDARY, tally, Add(0))).state.total == 3
