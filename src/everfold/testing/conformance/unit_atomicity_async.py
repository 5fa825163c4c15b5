"""A unit of several appends commits as one, in the order they were asked for, or leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from .domain import Noted, notes, texts
from .reading_async import log_of, stream_of


class UnitAtomicity:
    async def test_several_streams_commit_together(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            unit.append("shift-7", notes(2, "seven "), expected_version=0)
            unit.append("shift-8", notes(1, "eight "), expected_version=ef.NO_STREAM)
        assert texts(await stream_of(store, "shift-7")) == ["seven 1", "seven 2"]
        assert texts(await stream_of(store, "shift-8")) == ["eight 1"]

    async def test_positions_stand_in_the_order_of_the_request(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            for stream in ("shift-9", "shift-1", "shift-5"):
                unit.append(stream, [Noted(f"{stream} a"), Noted(f"{stream} b")], expected_version=0)
        expected = [f"{stream} {one}" for stream in ("shift-9", "shift-1", "shift-5") for one in "ab"]
        assert texts(await log_of(store)) == expected

    async def test_each_append_has_its_result(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", notes(3), expected_version=0)
        async with store.unit() as unit:
            unit.append("shift-1", [Noted("a")], expected_version=3)
            unit.append("shift-2", [Noted("b"), Noted("c")], expected_version=0)
        assert [(one.version, texts(one.events)) for one in unit.results] == [(4, ["a"]), (2, ["b", "c"])]
        assert unit.results[1].position == unit.results[0].position + 2

    async def test_one_stream_may_stand_in_it_twice(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            unit.append("shift-1", [Noted("a")], expected_version=0)
            unit.append("shift-2", [Noted("b")], expected_version=0)
            unit.append("shift-1", [Noted("c")], expected_version=1)
        assert [one.version for one in unit.results] == [1, 1, 2]
        assert texts(await stream_of(store, "shift-1")) == ["a", "c"]
        assert texts(await log_of(store)) == ["a", "b", "c"]

    async def test_an_append_sees_the_ones_before_it_in_the_unit(self, store: ef.AsyncEventStore) -> None:
        unit = store.unit()
        unit.append("shift-1", [Noted("a")], expected_version=0)
        unit.append("shift-1", [Noted("b")], expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await unit.commit()
        assert caught.value.actual == 1
        assert await log_of(store) == []

    async def test_an_append_may_rely_on_a_stream_that_the_unit_begins(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            unit.append("shift-1", [Noted("a")], expected_version=ef.NO_STREAM)
            unit.append("shift-1", [Noted("b")], expected_version=ef.STREAM_EXISTS)
        assert texts(await stream_of(store, "shift-1")) == ["a", "b"]

    @pytest.mark.parametrize("late", [0, 1, 2])
    async def test_a_conflict_in_any_append_leaves_nothing_of_the_others(
        self, store: ef.AsyncEventStore, late: int
    ) -> None:
        unit = store.unit()
        for number in range(3):
            expected = 7 if number == late else 0
            unit.append(f"shift-{number}", notes(2), expected_version=expected)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await unit.commit()
        assert (caught.value.stream, caught.value.expected, caught.value.actual) == (f"shift-{late}", 7, 0)
        assert await log_of(store) == []
        assert await store.streams() == []

    async def test_a_conflict_says_no_stream_in_the_words_of_the_caller(self, store: ef.AsyncEventStore) -> None:
        await store.append("shift-1", [Noted()], expected_version=0)
        unit = store.unit()
        unit.append("shift-1", [Noted()], expected_version=ef.NO_STREAM)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await unit.commit()
        assert caught.value.expected is ef.NO_STREAM

    async def test_an_empty_append_in_a_unit_guards_a_stream_that_is_not_written(
        self, store: ef.AsyncEventStore
    ) -> None:
        """EventStoreDB 1.1: any stream may be checked without being written."""
        await store.append("guest-1", notes(2), expected_version=0)
        async with store.unit() as unit:
            unit.append("guest-1", [], expected_version=2)
            unit.append("stay-1", [Noted("in")], expected_version=0)
        assert [(one.version, one.position > 0) for one in unit.results] == [(2, False), (1, True)]
        late = store.unit()
        late.append("stay-1", [Noted("on")], expected_version=1)
        late.append("guest-1", [], expected_version=1)
        with pytest.raises(ef.WrongExpectedVersionError):
            await late.commit()
        assert texts(await stream_of(store, "stay-1")) == ["in"]

    async def test_an_error_inside_the_block_writes_nothing_and_passes_through(self, store: ef.AsyncEventStore) -> None:
        unit = store.unit()
        with pytest.raises(ZeroDivisionError):
            await broken_off(unit)
        assert await log_of(store) == []
        with pytest.raises(ef.ConfigurationError):
            _ = unit.results

    async def test_nothing_is_written_before_the_block_ends(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            unit.append("shift-1", notes(2), expected_version=0)
            assert await log_of(store) == []
        assert len(await log_of(store)) == 2

    async def test_a_unit_is_used_once(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            unit.append("shift-1", notes(2), expected_version=0)
        with pytest.raises(ef.ConfigurationError, match="take a new one"):
            await unit.commit()
        assert len(await log_of(store)) == 2

    async def test_a_unit_that_has_ended_takes_no_more(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as committed:
            committed.append("shift-1", notes(2), expected_version=0)
        broken = store.unit()
        with pytest.raises(ZeroDivisionError):
            await broken_off(broken)
        for ended in (committed, broken):
            with pytest.raises(ef.ConfigurationError, match="has ended"):
                ended.append("shift-1", notes(1), expected_version=ef.ANY)
        assert len(await log_of(store)) == 2

    async def test_an_empty_unit_commits_nothing(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            pass
        assert unit.results == ()
        assert await store.head() == 0

    async def test_a_unit_of_a_hundred_streams_commits(self, store: ef.AsyncEventStore) -> None:
        async with store.unit() as unit:
            for number in range(100):
                unit.append(f"shift-{number}", [Noted(str(number))], expected_version=0)
        assert texts(await log_of(store)) == [str(number) for number in range(100)]
        assert len(await store.streams()) == 100


async def broken_off(unit: Any) -> None:
    """A block that fails after its append."""
    async with unit:
        unit.append("shift-1", notes(2), expected_version=0)
        raise ZeroDivisionError
