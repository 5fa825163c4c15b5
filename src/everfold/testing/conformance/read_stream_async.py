"""Reading one stream: bounds, both directions, page borders, and streams that are not there."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ... import limits
from .domain import Noted, notes, texts
from .reading_async import stop, stream_of

BOUNDS: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [1, 2, 3, 4, 5]),
    ({"after_version": 2}, [3, 4, 5]),
    ({"after_version": 5}, []),
    ({"after_version": 99}, []),
    ({"up_to_version": 3}, [1, 2, 3]),
    ({"up_to_version": 0}, []),
    ({"up_to_version": 99}, [1, 2, 3, 4, 5]),
    ({"after_version": 1, "up_to_version": 3}, [2, 3]),
    ({"after_version": 3, "up_to_version": 3}, []),
    ({"after_version": 4, "up_to_version": 2}, []),
    ({"limit": 2}, [1, 2]),
    ({"limit": 0}, []),
    ({"limit": 99}, [1, 2, 3, 4, 5]),
    ({"after_version": 2, "limit": 2}, [3, 4]),
    ({"backwards": True}, [5, 4, 3, 2, 1]),
    ({"backwards": True, "limit": 2}, [5, 4]),
    ({"backwards": True, "limit": 1}, [5]),
    ({"backwards": True, "after_version": 3}, [5, 4]),
    ({"backwards": True, "up_to_version": 3}, [3, 2, 1]),
    ({"backwards": True, "after_version": 1, "up_to_version": 4, "limit": 2}, [4, 3]),
    ({"backwards": True, "up_to_version": 0}, []),
]
PAGED = limits.PAGE_EVENTS_FIRST + 2 * limits.PAGE_EVENTS
BORDERS = [limits.PAGE_EVENTS_FIRST, limits.PAGE_EVENTS_FIRST + 1, limits.PAGE_EVENTS_FIRST + limits.PAGE_EVENTS]


class ReadStream:
    @pytest.mark.parametrize(("bounds", "versions"), BOUNDS, ids=[str(bounds) for bounds, _ in BOUNDS])
    async def test_the_bounds_give_these_versions(
        self, store: ef.AsyncEventStore, bounds: dict[str, Any], versions: list[int]
    ) -> None:
        """Marten section 4 item 11."""
        await store.append("stay-1", notes(5), expected_version=0)
        await store.append("stay-2", notes(3), expected_version=0)
        assert [e.version for e in await stream_of(store, "stay-1", **bounds)] == versions

    async def test_an_unknown_stream_is_empty(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 11."""
        await store.append("stay-1", notes(2), expected_version=0)
        assert await stream_of(store, "stay-2") == []
        assert await stream_of(store, "stay-2", backwards=True) == []
        assert await store.stream("stay-2") is None

    @pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
    async def test_a_long_stream_comes_whole_over_the_borders_of_pages(
        self, store: ef.AsyncEventStore, backwards: bool
    ) -> None:
        await store.append("stay-1", notes(PAGED + 1), expected_version=0)
        versions = [e.version for e in await stream_of(store, "stay-1", backwards=backwards)]
        wanted = list(range(1, PAGED + 2))
        assert versions == (wanted[::-1] if backwards else wanted)

    @pytest.mark.parametrize("length", BORDERS)
    async def test_a_stream_that_ends_at_the_border_of_a_page_ends(
        self, store: ef.AsyncEventStore, length: int
    ) -> None:
        await store.append("stay-1", notes(length), expected_version=0)
        assert len(await stream_of(store, "stay-1")) == length
        assert len(await stream_of(store, "stay-1", backwards=True)) == length

    @pytest.mark.parametrize("limit", [199, 200, 201, 1200, 1201])
    async def test_a_limit_counts_over_the_borders_of_pages(self, store: ef.AsyncEventStore, limit: int) -> None:
        await store.append("stay-1", notes(PAGED), expected_version=0)
        assert [e.version for e in await stream_of(store, "stay-1", limit=limit)] == list(range(1, limit + 1))
        back = [e.version for e in await stream_of(store, "stay-1", limit=limit, backwards=True)]
        assert back == list(range(PAGED, PAGED - limit, -1))

    async def test_an_iteration_may_end_early_and_another_begin(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(500), expected_version=0)
        for _ in range(20):
            events = store.read_stream("stay-1")
            assert (await anext(events)).version == 1
            await stop(events)
        assert len(await stream_of(store, "stay-1")) == 500

    async def test_two_iterations_run_side_by_side(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(3), expected_version=0)
        left, right = store.read_stream("stay-1"), store.read_stream("stay-1", backwards=True)
        pairs = [((await anext(left)).version, (await anext(right)).version) for _ in range(3)]
        assert pairs == [(1, 3), (2, 2), (3, 1)]
        await stop(left, right)

    async def test_the_stream_says_its_version_and_its_times(self, store: ef.AsyncEventStore) -> None:
        first = await store.append("stay-1", notes(2), expected_version=0)
        last = await store.append("stay-1", notes(1), expected_version=2)
        state = await store.stream("stay-1")
        assert state is not None
        assert (state.name, state.version, state.status, state.truncated_before) == ("stay-1", 3, "open", 1)
        assert (state.created_at, state.updated_at) == (first.events[0].recorded_at, last.events[0].recorded_at)

    async def test_one_stream_does_not_show_another_whose_name_begins_alike(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted("a")], expected_version=0)
        await store.append("stay-10", [Noted("b")], expected_version=0)
        assert texts(await stream_of(store, "stay-1")) == ["a"]

    @pytest.mark.parametrize("bound", ["after_version", "up_to_version", "limit"])
    @pytest.mark.parametrize("wrong", [-1, "1", 1.5, True, 2**64], ids=repr)
    async def test_a_bound_that_is_no_number_is_refused(
        self, store: ef.AsyncEventStore, bound: str, wrong: Any
    ) -> None:
        with pytest.raises(ef.ConfigurationError, match=bound):
            await stream_of(store, "stay-1", **{bound: wrong})
