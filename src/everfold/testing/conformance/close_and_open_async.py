"""Closing one period's stream and opening the next, as one."""

from __future__ import annotations

import pytest

import everfold as ef

from ..racing import race_async
from .domain import Noted, notes, texts
from .reading_async import log_of, stream_of

END, START = [Noted("closed")], [Noted("opened")]


class CloseAndOpen:
    async def test_the_old_stream_ends_and_the_new_one_begins_together(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", notes(2), expected_version=0)
        closed, opened = await store.close_and_open("shift-1", END, "shift-2", START)
        assert (closed.version, opened.version) == (3, 1)
        assert opened.position == closed.position + 1
        assert texts(await stream_of(store, "shift-1"))[-1:] + texts(await stream_of(store, "shift-2")) == [
            "closed",
            "opened",
        ]

    async def test_a_late_append_to_the_old_stream_refuses_both(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", notes(2), expected_version=0)
        await store.append("shift-1", [Noted("late")], expected_version=2)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.close_and_open("shift-1", END, "shift-2", START, expected_version=2)
        assert (caught.value.stream, caught.value.actual) == ("shift-1", 3)
        assert await store.stream("shift-2") is None
        assert len(await log_of(store)) == 3

    async def test_a_new_stream_that_exists_refuses_both(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", notes(1), expected_version=0)
        await store.append("shift-2", notes(1), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.close_and_open("shift-1", END, "shift-2", START)
        assert (caught.value.stream, caught.value.expected) == ("shift-2", ef.NO_STREAM)
        assert len(await log_of(store)) == 2

    async def test_an_old_stream_that_does_not_exist_refuses_both(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.close_and_open("shift-1", END, "shift-2", START)
        assert caught.value.expected is ef.STREAM_EXISTS
        assert await log_of(store) == []

    async def test_it_may_be_sent_again(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", notes(1), expected_version=0)
        end, start = notes(1, "end "), notes(1, "start ")
        first = await store.close_and_open("shift-1", end, "shift-2", start, expected_version=1)
        again = await store.close_and_open("shift-1", end, "shift-2", start, expected_version=1)
        assert [(r.version, r.position) for r in first] == [(r.version, r.position) for r in again]
        assert len(await log_of(store)) == 3

    async def test_of_two_that_close_the_same_period_one_wins(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", notes(1), expected_version=0)
        outcomes = await race_async(
            [lambda: store.close_and_open("shift-1", END, "shift-2", START, expected_version=1)] * 4
        )
        assert len([o for o in outcomes if not isinstance(o, Exception)]) == 1
        assert len(await log_of(store)) == 3

    @pytest.mark.parametrize(
        ("old", "end", "new", "start"),
        [("shift-1", END, "shift-1", START), ("shift-1", [], "shift-2", START), ("shift-1", END, "shift-2", [])],
        ids=["one stream", "no end", "no start"],
    )
    async def test_it_needs_two_streams_and_an_event_for_each(
        self, store: ef.AsyncEventStore, old: str, end: list[Noted], new: str, start: list[Noted]
    ) -> None:
        with pytest.raises(ef.ConfigurationError, match="close_and_open"):
            await store.close_and_open(old, end, new, start, expected_version=ef.ANY)
        assert await log_of(store) == []
