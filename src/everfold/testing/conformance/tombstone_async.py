"""The end of a stream: it takes no more events, and its name is never used again."""

from __future__ import annotations

import pytest

import everfold as ef

from .backend_async import AsyncBackend
from .domain import Add, Noted, notes, tally, texts
from .needs import needs
from .reading_async import log_of, stream_of

EXPECTATIONS = [0, 2, 3, ef.ANY, ef.NO_STREAM, ef.STREAM_EXISTS]


async def tombstoned(store: ef.AsyncEventStore) -> None:
    await store.append("stay-1", notes(2), expected_version=0)
    await store.tombstone("stay-1")


class Tombstone:
    @pytest.mark.parametrize("expected", EXPECTATIONS, ids=str)
    async def test_a_tombstoned_stream_refuses_every_append(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        """EventStoreDB 1.1: whatever the expectation."""
        await tombstoned(store)
        with pytest.raises(ef.StreamTombstonedError) as caught:
            await store.append("stay-1", [Noted("more")], expected_version=expected)
        assert caught.value.stream == "stay-1"
        assert len(await log_of(store)) == 2

    async def test_an_empty_append_is_refused_too(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        with pytest.raises(ef.StreamTombstonedError):
            await store.append("stay-1", [], expected_version=ef.ANY)

    async def test_it_cannot_be_read_as_a_stream(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        with pytest.raises(ef.StreamTombstonedError):
            await stream_of(store, "stay-1")
        with pytest.raises(ef.StreamTombstonedError):
            await store.load("stay-1", tally)
        with pytest.raises(ef.StreamTombstonedError):
            await store.decide("stay-1", tally, Add())

    async def test_the_log_keeps_its_events(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        assert texts(await log_of(store)) == ["1", "2"]
        assert [e.stream for e in await log_of(store, query=ef.Query(categories=["stay"]))] == ["stay-1", "stay-1"]

    async def test_the_stream_says_what_became_of_it(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        state = await store.stream("stay-1")
        assert state is not None
        assert (state.status, state.version) == ("tombstoned", 2)
        assert [(s.name, s.status) for s in await store.streams()] == [("stay-1", "tombstoned")]

    async def test_an_unknown_stream_has_no_end(self, store: ef.AsyncEventStore) -> None:
        for expected in (ef.ANY, ef.STREAM_EXISTS, 0):
            with pytest.raises(ef.WrongExpectedVersionError):
                await store.tombstone("stay-1", expected_version=expected)
        assert await store.stream("stay-1") is None

    async def test_it_holds_the_expected_version(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(2), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.tombstone("stay-1", expected_version=1)
        await store.append("stay-1", notes(1), expected_version=2)
        await store.tombstone("stay-1", expected_version=3)

    async def test_a_second_end_is_refused(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        with pytest.raises(ef.StreamTombstonedError):
            await store.tombstone("stay-1")

    async def test_a_unit_with_a_tombstoned_stream_leaves_nothing(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        unit = store.unit()
        unit.append("stay-2", [Noted()], expected_version=0)
        unit.append("stay-1", [Noted()], expected_version=ef.ANY)
        with pytest.raises(ef.StreamTombstonedError):
            await unit.commit()
        assert await store.stream("stay-2") is None

    async def test_other_streams_go_on(self, store: ef.AsyncEventStore) -> None:
        await tombstoned(store)
        assert (await store.append("stay-10", [Noted()], expected_version=0)).version == 1

    @needs("durable")
    async def test_it_is_the_end_after_the_store_was_closed_and_opened(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await tombstoned(store)
        await store.close()
        with pytest.raises(ef.StreamTombstonedError):
            await (await backend.open()).append("stay-1", [Noted()], expected_version=0)
