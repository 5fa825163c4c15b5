"""Each bound has an error that names it, and what is over it is not written."""

from __future__ import annotations

import pytest

import everfold as ef

from ... import limits
from .backend_async import AsyncBackend
from .domain import Noted, notes
from .reading_async import log_of

SMALL = ef.Limits(event_bytes=100, metadata_bytes=50, append_events=5, append_bytes=300)


async def refused(store: ef.AsyncEventStore, *events: ef.NewEvent, stream: str = "stay-1") -> ef.LimitExceededError:
    """The error of an append that is over a limit, once it is sure that nothing was written."""
    with pytest.raises(ef.LimitExceededError) as caught:
        await store.append(stream, events, expected_version=0)
    assert await log_of(store) == []
    return caught.value


class EveryLimit:
    async def test_an_event_that_is_as_large_as_allowed_is_stored(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        await store.append("stay-1", [Noted("x" * (100 - len('{"text":""}')))], expected_version=0)
        assert [len(e.raw) for e in await log_of(store)] == [100]

    async def test_an_event_that_is_larger_is_refused(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        error = await refused(store, ef.NewEvent(Noted("x" * (101 - len('{"text":""}')))))
        assert (error.limit, error.actual, error.allowed) == ("bytes of an event", 101, 100)

    async def test_bytes_count_not_characters(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        assert (await refused(store, ef.NewEvent(Noted("ä" * 60)))).actual > 120

    async def test_metadata_that_is_larger_than_allowed_is_refused(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        error = await refused(store, ef.NewEvent(Noted(), metadata={"k": "x" * 50}))
        assert (error.limit, error.allowed) == ("bytes of an event's metadata", 50)

    async def test_metadata_of_the_surrounding_context_counts_too(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        with ef.context(actor="x" * 60):
            assert (await refused(store, ef.NewEvent(Noted()))).limit == "bytes of an event's metadata"

    async def test_more_events_than_one_append_may_have_are_refused(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        error = await refused(store, *notes(6))
        assert (error.limit, error.actual, error.allowed) == ("events of one append", 6, 5)
        assert (await store.append("stay-1", notes(5), expected_version=0)).version == 5

    async def test_more_bytes_than_one_append_may_have_are_refused(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        error = await refused(store, *[ef.NewEvent(Noted("x" * 80)) for _ in range(4)])
        assert (error.limit, error.allowed) == ("bytes of one append", 300)

    async def test_the_limits_of_an_append_hold_for_a_unit_as_a_whole(self, backend: AsyncBackend) -> None:
        store = await backend.open(limits=SMALL)
        unit = store.unit()
        unit.append("stay-1", notes(3), expected_version=0)
        with pytest.raises(ef.LimitExceededError, match="events of one append"):
            unit.append("stay-2", notes(3), expected_version=0)
        assert await log_of(store) == []

    async def test_by_default_a_megabyte_of_event_is_the_limit(self, store: ef.AsyncEventStore) -> None:
        error = await refused(store, ef.NewEvent(Noted("x" * 1024 * 1024)))
        assert error.allowed == 1024 * 1024

    async def test_more_than_ten_thousand_events_in_one_append_are_refused(self, store: ef.AsyncEventStore) -> None:
        assert (await refused(store, *[ef.NewEvent(Noted())] * 10_001)).allowed == 10_000

    async def test_a_stream_name_of_the_largest_size_is_one(self, store: ef.AsyncEventStore) -> None:
        name = "😀" * limits.STREAM_NAME_CHARACTERS_MAX
        await store.append(name, [Noted()], expected_version=0)
        assert [e.stream for e in await log_of(store)] == [name]

    @pytest.mark.parametrize("characters", [256, 10_000])
    async def test_a_longer_stream_name_is_refused(self, store: ef.AsyncEventStore, characters: int) -> None:
        error = await refused(store, ef.NewEvent(Noted()), stream="x" * characters)
        assert (error.limit, error.actual, error.allowed) == ("characters of a stream name", characters, 255)

    async def test_a_tag_of_the_largest_size_is_found(self, store: ef.AsyncEventStore) -> None:
        tag = "😀" * limits.TAG_CHARACTERS_MAX
        await store.append("stay-1", [ef.NewEvent(Noted(), tags=[tag])], expected_version=0)
        assert [e.tags for e in await log_of(store, query=ef.Query(tags=[tag]))] == [(tag,)]

    async def test_a_longer_tag_is_refused(self, store: ef.AsyncEventStore) -> None:
        tag = "x" * (limits.TAG_CHARACTERS_MAX + 1)
        assert (await refused(store, ef.NewEvent(Noted(), tags=[tag]))).limit == "characters of a tag"
        with pytest.raises(ef.LimitExceededError):
            ef.Query(tags=[tag])

    async def test_as_many_tags_as_allowed_are_found_each(self, store: ef.AsyncEventStore) -> None:
        tags = [f"t:{number:02}" for number in range(limits.TAGS_PER_EVENT_MAX)]
        await store.append("stay-1", [ef.NewEvent(Noted(), tags=tags)], expected_version=0)
        assert [len(await log_of(store, query=ef.Query(tags=[tag]))) for tag in tags] == [1] * len(tags)
        assert len(await log_of(store, query=ef.Query(tags=tags))) == 1

    async def test_one_more_tag_is_refused(self, store: ef.AsyncEventStore) -> None:
        tags = [f"t:{number}" for number in range(limits.TAGS_PER_EVENT_MAX + 1)]
        assert (await refused(store, ef.NewEvent(Noted(), tags=tags))).limit == "tags of an event"

    async def test_a_query_of_more_than_a_hundred_alternatives_is_refused(self) -> None:
        query = ef.Query(tags=["t:0"])
        for number in range(1, limits.QUERY_ITEMS_MAX):
            query |= ef.Query(tags=[f"t:{number}"])
        with pytest.raises(ef.LimitExceededError):
            query |= ef.Query(tags=["one more"])

    @pytest.mark.parametrize("name", ["event_bytes", "metadata_bytes", "append_events", "append_bytes"])
    async def test_a_limit_below_1_is_refused(self, name: str) -> None:
        with pytest.raises(ef.ConfigurationError, match=name):
            ef.Limits(**{name: 0})
