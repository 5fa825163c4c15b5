"""Cutting the head of a stream: hidden from reads of the stream, kept in the log, versions unchanged."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from .deciders_async import ledger
from .domain import Add, Counted, Noted, Tally, add_up, decide_add, notes, tally, texts
from .reading_async import log_of, stream_of


async def truncated(store: ef.AsyncEventStore, before: int) -> None:
    await store.append("stay-1", notes(5), expected_version=0)
    await store.truncate("stay-1", before_version=before)


class Truncate:
    @pytest.mark.parametrize(
        ("before", "versions"), [(1, [1, 2, 3, 4, 5]), (2, [2, 3, 4, 5]), (5, [5]), (6, [])], ids=str
    )
    async def test_versions_below_are_hidden(self, store: ef.AsyncEventStore, before: int, versions: list[int]) -> None:
        await truncated(store, before)
        assert [e.version for e in await stream_of(store, "stay-1")] == versions
        assert [e.version for e in await stream_of(store, "stay-1", backwards=True)] == versions[::-1]

    @pytest.mark.parametrize(
        ("bounds", "versions"),
        [
            ({"after_version": 1}, [3, 4, 5]),
            ({"after_version": 3}, [4, 5]),
            ({"up_to_version": 2}, []),
            ({"up_to_version": 4}, [3, 4]),
            ({"limit": 2}, [3, 4]),
            ({"limit": 2, "backwards": True}, [5, 4]),
            ({"up_to_version": 3, "backwards": True}, [3]),
        ],
        ids=str,
    )
    async def test_bounds_and_hiding_hold_together(
        self, store: ef.AsyncEventStore, bounds: dict[str, Any], versions: list[int]
    ) -> None:
        await truncated(store, 3)
        assert [e.version for e in await stream_of(store, "stay-1", **bounds)] == versions

    async def test_the_log_keeps_every_event(self, store: ef.AsyncEventStore) -> None:
        await truncated(store, 4)
        assert texts(await log_of(store)) == ["1", "2", "3", "4", "5"]

    async def test_appends_go_on_at_the_next_version(self, store: ef.AsyncEventStore) -> None:
        await truncated(store, 6)
        assert (await store.append("stay-1", [Noted("6")], expected_version=5)).version == 6
        assert texts(await stream_of(store, "stay-1")) == ["6"]

    @pytest.mark.parametrize("expected", [0, ef.NO_STREAM], ids=str)
    async def test_a_stream_that_is_hidden_whole_is_not_empty(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        await truncated(store, 6)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.append("stay-1", [Noted()], expected_version=expected)
        assert caught.value.actual == 5

    async def test_it_only_moves_forward(self, store: ef.AsyncEventStore) -> None:
        await truncated(store, 4)
        await store.truncate("stay-1", before_version=2)
        assert [e.version for e in await stream_of(store, "stay-1")] == [4, 5]
        state = await store.stream("stay-1")
        assert state is not None
        assert (state.truncated_before, state.version, state.status) == (4, 5, "open")

    @pytest.mark.parametrize("before", [7, 2**40], ids=str)
    async def test_events_that_do_not_exist_yet_cannot_be_hidden(self, store: ef.AsyncEventStore, before: int) -> None:
        await store.append("stay-1", notes(5), expected_version=0)
        with pytest.raises(ef.ConfigurationError, match="before 6 at most"):
            await store.truncate("stay-1", before_version=before)
        assert len(await stream_of(store, "stay-1")) == 5

    @pytest.mark.parametrize("wrong", [0, -1, True, None, "2", 2**64], ids=repr)
    async def test_what_is_no_version_is_refused(self, store: ef.AsyncEventStore, wrong: Any) -> None:
        await store.append("stay-1", notes(5), expected_version=0)
        with pytest.raises(ef.ConfigurationError, match="before_version"):
            await store.truncate("stay-1", before_version=wrong)

    async def test_it_holds_the_expected_version(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(5), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.truncate("stay-1", before_version=3, expected_version=4)
        assert caught.value.actual == 5
        assert len(await stream_of(store, "stay-1")) == 5

    async def test_an_unknown_stream_has_no_head_to_cut(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.truncate("stay-1", before_version=1)
        assert await store.stream("stay-1") is None

    async def test_a_tombstoned_stream_has_no_head_to_cut(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(5), expected_version=0)
        await store.tombstone("stay-1")
        with pytest.raises(ef.StreamTombstonedError):
            await store.truncate("stay-1", before_version=2)

    async def test_a_state_is_folded_from_what_is_left(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Counted(1), Counted(2), Counted(4)], expected_version=0)
        await store.truncate("tally-1", before_version=2)
        loaded = await store.load("tally-1", ledger)
        assert (loaded.state.entries, loaded.version) == ([2, 4], 3)

    async def test_a_state_of_a_stream_hidden_whole_stands_at_its_version(self, store: ef.AsyncEventStore) -> None:
        await store.append("tally-1", [Counted(1), Counted(2)], expected_version=0)
        await store.truncate("tally-1", before_version=3)
        loaded = await store.load("tally-1", tally)
        assert (loaded.state, loaded.version) == (Tally(), 2)

    async def test_a_snapshot_that_saw_hidden_events_still_counts(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 27: cutting keeps the state."""
        snapshots = ef.Snapshots(every=3)
        kept = ef.Decider(initial_state=Tally, evolve=add_up, decide=decide_add, snapshots=snapshots)
        for by in (1, 2, 4):
            await store.decide("tally-1", kept, Add(by))
        await store.truncate("tally-1", before_version=4)
        decision = await store.decide("tally-1", kept, Add(8))
        assert (decision.state.total, decision.version) == (15, 4)
