"""The state cache: it saves reads, and never a conflict, a refusal or a failed commit goes unseen behind it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import everfold as ef

from ..faults_async import AsyncFaults
from .backend_async import AsyncBackend
from .deciders_async import ledger, watched
from .domain import Add, Counted, RefusedError, Tally, tally
from .reading_async import log_of


async def cached(
    backend: AsyncBackend, stored: Sequence[Counted] = ()
) -> tuple[ef.AsyncEventStore, AsyncFaults, ef.AsyncEventStore]:
    """A store with a cache, its faults, and another store without one."""
    store, faults = await backend.open_faulty(cache=ef.StateCache())
    other = await backend.open()
    await other.append("tally-1", stored, expected_version=0)
    return store, faults, other


class CachedStates:
    async def test_a_second_decision_reads_nothing(self, backend: AsyncBackend) -> None:
        store, faults, _ = await cached(backend, [Counted(1)] * 3)
        await store.decide("tally-1", tally, Add(1))
        before = faults.calls["read_stream"]
        decision = await store.decide("tally-1", tally, Add(1))
        assert (decision.state.total, decision.version) == (5, 5)
        assert faults.calls["read_stream"] == before

    async def test_a_stale_state_is_a_conflict_and_decided_again(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 31."""
        store, _, other = await cached(backend)
        seen: list[int] = []
        decider = watched(seen)
        await store.decide("tally-1", decider, Add(1))
        await other.append("tally-1", [Counted(100)], expected_version=1)
        decision = await store.decide("tally-1", decider, Add(1))
        assert (seen, decision.state.total, decision.version) == ([0, 1, 101], 102, 3)

    async def test_a_refusal_on_a_stale_state_is_decided_again_on_the_current_one(self, backend: AsyncBackend) -> None:
        store, _, other = await cached(backend, [Counted(5)])
        await store.decide("tally-1", tally, Add(3))
        await other.append("tally-1", [Counted(-8)], expected_version=2)
        decision = await store.decide("tally-1", tally, Add(4, limit=5))
        assert (decision.state.total, decision.version) == (4, 4)

    async def test_a_refusal_on_the_current_state_passes_through(self, backend: AsyncBackend) -> None:
        store, _, _ = await cached(backend)
        await store.decide("tally-1", tally, Add(3))
        with pytest.raises(RefusedError):
            await store.decide("tally-1", tally, Add(3, limit=5))

    async def test_deciding_nothing_on_a_stale_state_is_decided_again(self, backend: AsyncBackend) -> None:
        store, _, other = await cached(backend)
        top_up: ef.Decider[int, Tally] = ef.Decider(
            initial_state=tally.initial_state,
            evolve=tally.evolve,
            decide=lambda goal, state: Counted(goal - state.total) if state.total < goal else None,
        )
        await store.decide("tally-1", top_up, 10)
        await other.append("tally-1", [Counted(-4)], expected_version=1)
        assert (await store.decide("tally-1", top_up, 10)).events == (Counted(4),)

    async def test_no_state_survives_a_commit_that_failed(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 31."""
        store, faults, _ = await cached(backend)
        await store.decide("tally-1", tally, Add(1))
        faults.fail_before("commit", ef.StorageUnavailableError("the network is gone"))
        with pytest.raises(ef.StorageUnavailableError):
            await store.decide("tally-1", tally, Add(50))
        decision = await store.decide("tally-1", tally, Add(1))
        assert (decision.state.total, decision.version) == (2, 2)

    async def test_a_commit_whose_reply_was_lost_leaves_the_next_decision_right(self, backend: AsyncBackend) -> None:
        store, faults, _ = await cached(backend)
        await store.decide("tally-1", tally, Add(1))
        faults.lose_reply()
        with pytest.raises(ef.CommitUnknownError):
            await store.decide("tally-1", tally, Add(50))
        decision = await store.decide("tally-1", tally, Add(1))
        assert (decision.state.total, decision.version) == (52, 3)

    async def test_an_expected_version_is_held_against_the_stream_not_the_cache(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 31."""
        store, _, other = await cached(backend)
        await store.decide("tally-1", tally, Add(1))
        await other.append("tally-1", [Counted(1)], expected_version=1)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.decide("tally-1", tally, Add(1), expected_version=1)
        assert caught.value.actual == 2

    async def test_a_mutable_state_is_not_kept(self, backend: AsyncBackend) -> None:
        cache = ef.StateCache()
        store = await backend.open(cache=cache)
        decision = await store.decide("tally-1", ledger, Add(1))
        decision.state.entries.append(99)
        assert len(cache) == 0
        assert (await store.decide("tally-1", ledger, Add(2))).state.entries == [1, 2]

    async def test_states_of_two_deciders_over_one_stream_are_kept_apart(self, backend: AsyncBackend) -> None:
        store = await backend.open(cache=ef.StateCache())
        sum_up: ef.Decider[int, int] = ef.Decider(
            initial_state=int, evolve=lambda s, e: s + e.by, decide=lambda c, s: Counted(c)
        )
        for number in (1, 2, 3):
            await store.decide("tally-1", tally, Add(number))
            decision = await store.decide("tally-1", sum_up, number)
        assert decision.state == 12

    async def test_the_least_recently_used_state_goes_first(self, backend: AsyncBackend) -> None:
        cache = ef.StateCache(entries=2)
        store, faults = await backend.open_faulty(cache=cache)
        for stream in ("tally-1", "tally-2", "tally-1", "tally-3"):
            await store.decide(stream, tally, Add())
        before = faults.calls["read_stream"]
        await store.decide("tally-1", tally, Add())
        assert (len(cache), faults.calls["read_stream"]) == (2, before)
        await store.decide("tally-2", tally, Add())
        assert faults.calls["read_stream"] == before + 1

    async def test_a_tombstoned_stream_is_not_decided_on_from_the_cache(self, backend: AsyncBackend) -> None:
        store, _, other = await cached(backend)
        await store.decide("tally-1", tally, Add())
        await other.tombstone("tally-1")
        with pytest.raises(ef.StreamTombstonedError):
            await store.decide("tally-1", tally, Add())
        assert len(await log_of(other)) == 1

    async def test_a_load_does_not_trust_the_cache(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 7."""
        store, _, other = await cached(backend)
        await store.decide("tally-1", tally, Add(1))
        await other.append("tally-1", [Counted(1)], expected_version=1)
        assert (await store.load("tally-1", tally)).state.total == 2
