"""The lists that tools show: streams by name, and the types that are stored."""

from __future__ import annotations

import pytest

import everfold as ef

from .domain import Counted, Noted, notes
from .reading_async import log_of


class StreamListing:
    async def test_streams_come_by_name_whatever_the_order_of_their_appends(self, store: ef.AsyncEventStore) -> None:
        for name in ("stay-2", "guest-1", "stay-10", "Stay-1"):
            await store.append(name, [Noted()], expected_version=0)
        assert [s.name for s in await store.streams()] == ["Stay-1", "guest-1", "stay-10", "stay-2"]

    async def test_names_are_compared_as_their_bytes(self, store: ef.AsyncEventStore) -> None:
        names = ["a-b", "a_b", "ab", "ä", "é", "z", "😀", "￮"]
        for name in names:
            await store.append(name, [Noted()], expected_version=0)
        assert [s.name for s in await store.streams()] == sorted(names, key=str.encode)

    @pytest.mark.parametrize(
        ("category", "names"),
        [("stay", ["stay", "stay-1", "stay-2-b"]), ("stays", ["stays-1"]), ("sta", []), ("", ["-1"])],
        ids=repr,
    )
    async def test_a_category_is_what_stands_before_the_first_hyphen(
        self, store: ef.AsyncEventStore, category: str, names: list[str]
    ) -> None:
        for name in ("stay-1", "stays-1", "stay", "stay-2-b", "-1"):
            await store.append(name, [Noted()], expected_version=0)
        assert [s.name for s in await store.streams(category=category)] == names
        assert {e.stream for e in await log_of(store, query=ef.Query(categories=[category]))} == set(names)

    async def test_a_list_goes_on_after_the_last_name(self, store: ef.AsyncEventStore) -> None:
        for number in range(7):
            await store.append(f"stay-{number}", [Noted()], expected_version=0)
        pages: list[list[str]] = []
        after = ""
        while page := await store.streams(after=after, limit=3):
            pages.append([s.name for s in page])
            after = page[-1].name
        assert [len(page) for page in pages] == [3, 3, 1]
        assert [name for page in pages for name in page] == [f"stay-{number}" for number in range(7)]

    async def test_a_limit_of_nothing_gives_nothing(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted()], expected_version=0)
        assert await store.streams(limit=0) == []

    async def test_types_are_counted_by_name(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted(), Counted(), Noted()], expected_version=0)
        await store.append_if(notes(1), ef.AppendCondition(ef.Query(), after=2**40))
        counted = [(count.type, count.schema_version, count.events) for count in await store.types()]
        assert counted == [("counted", 1, 1), ("noted", 1, 3)]

    async def test_an_empty_store_has_no_streams_and_no_types(self, store: ef.AsyncEventStore) -> None:
        assert (await store.streams(), await store.types()) == ([], [])
