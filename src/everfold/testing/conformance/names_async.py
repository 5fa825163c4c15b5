"""Names of any characters: each is stored as it was given, or refused before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from .domain import Noted, texts
from .reading_async import log_of, stream_of

NAMES = [
    "stay-1",
    "1",
    "-",
    "-1",
    "a-b-c",
    "with spaces - here",
    " leading and trailing ",
    "tab\tand\nnewline",
    "single'quote",
    'double"quote',
    "back\\slash",
    "percent%s %% %(name)s",
    "brace {0} {name}",
    "colon:name ?1 $1",
    "'; drop table event; --",
    "Robert'); delete from stream where ('1'='1",
    "underscore_like%",
    "😀-🏨",
    "مرحبا-1",
    "\u202eright to left",
    "日本語-ホテル",
    "e\u0301",
    "\u00e9",
    "ﬀ",
    "zero\u200bwidth",
    "\x01\x1f\x7f",
    "\ufffe\uffff",
    "a$b",
    "null",
    "/etc/passwd",
    "x" * 255,
]
REFUSED: list[Any] = [
    "",
    "a\0b",
    "\0",
    "\ud800",
    "a\udfff-1",
    "$system",
    "$",
    "x" * 256,
    None,
    42,
    b"stay-1",
    ("stay", "1"),
]


class Names:
    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    async def test_a_stream_name_is_kept_as_it_is(self, store: ef.AsyncEventStore, name: str) -> None:
        await store.append("other-1", [Noted("other")], expected_version=0)
        await store.append(name, [Noted("first")], expected_version=ef.NO_STREAM)
        await store.append(name, [Noted("second")], expected_version=1)
        events = await stream_of(store, name)
        assert (texts(events), {e.stream for e in events}) == (["first", "second"], {name})
        state = await store.stream(name)
        assert state is not None
        assert state.name == name
        assert name in [s.name for s in await store.streams()]

    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    async def test_a_tag_is_kept_as_it_is(self, store: ef.AsyncEventStore, name: str) -> None:
        await store.append("stay-1", [ef.NewEvent(Noted("a"), tags=[name, "other"])], expected_version=0)
        await store.append("stay-1", [ef.NewEvent(Noted("b"), tags=["other"])], expected_version=1)
        [event] = await log_of(store, query=ef.Query(tags=[name]))
        assert (set(event.tags), event.event.text) == ({name, "other"}, "a")
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([Noted()], ef.AppendCondition(ef.Query(tags=[name])))

    async def test_all_of_them_are_streams_of_their_own(self, store: ef.AsyncEventStore) -> None:
        """No two are taken for one: not by case, by normal form, by trailing space."""
        alike = [
            "Stay-1",
            "stay-1",
            "stay-1 ",
            " stay-1",
            "STAY-1",
            "e\u0301-1",
            "\u00e9-1",
            "ﬀ-1",
            "ff-1",
            "ß-1",
            "ss-1",
        ]
        for name in alike:
            await store.append(name, [Noted(name)], expected_version=ef.NO_STREAM)
        assert [texts(await stream_of(store, name)) for name in alike] == [[name] for name in alike]
        assert [s.name for s in await store.streams()] == sorted(alike, key=str.encode)

    @pytest.mark.parametrize("name", REFUSED, ids=ascii)
    async def test_a_name_that_cannot_be_stored_is_refused(self, store: ef.AsyncEventStore, name: Any) -> None:
        with pytest.raises((ef.InvalidNameError, ef.LimitExceededError)):
            await store.append(name, [Noted()], expected_version=0)
        unit = store.unit()
        with pytest.raises((ef.InvalidNameError, ef.LimitExceededError)):
            unit.append(name, [Noted()], expected_version=0)
        assert await log_of(store) == []

    @pytest.mark.parametrize("name", ["", "a\0b", "\ud800", "x" * 256, None, 42], ids=ascii)
    async def test_a_name_that_cannot_be_stored_cannot_be_read(self, store: ef.AsyncEventStore, name: Any) -> None:
        with pytest.raises((ef.InvalidNameError, ef.LimitExceededError)):
            await stream_of(store, name)
        with pytest.raises((ef.InvalidNameError, ef.LimitExceededError)):
            await store.stream(name)

    @pytest.mark.parametrize("tag", ["", "a\0b", "\ud800", "x" * 256, None, 42], ids=ascii)
    async def test_a_tag_that_cannot_be_stored_is_refused(self, store: ef.AsyncEventStore, tag: Any) -> None:
        with pytest.raises((ef.InvalidNameError, ef.LimitExceededError)):
            await store.append("stay-1", [ef.NewEvent(Noted(), tags=[tag])], expected_version=0)
        assert await log_of(store) == []

    @pytest.mark.parametrize("key", ["", "a\0b", "\ud800", 42], ids=ascii)
    async def test_a_metadata_key_that_cannot_be_stored_is_refused(self, store: ef.AsyncEventStore, key: Any) -> None:
        with pytest.raises(ef.EverfoldError):
            await store.append("stay-1", [Noted()], expected_version=0, metadata={key: "value"})
        assert await log_of(store) == []

    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    async def test_a_metadata_key_is_kept_as_it_is(self, store: ef.AsyncEventStore, name: str) -> None:
        await store.append("stay-1", [Noted()], expected_version=0, metadata={name: name})
        assert (await log_of(store))[0].metadata == {name: name}
