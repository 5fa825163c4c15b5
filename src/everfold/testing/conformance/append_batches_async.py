"""Many events in one append: all of them in their order, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

import everfold as ef

from .domain import Charged, Counted, Noted, notes, texts
from .reading_async import log_of, stream_of

NAIVE = datetime(2026, 5, 27, 12)  # it is here to be refused


@dataclass(frozen=True)
class Unregistered:
    text: str = ""


BROKEN: dict[str, Callable[[], Any]] = {
    "a naive datetime": lambda: Charged(1, NAIVE, uuid4()),  # type: ignore[arg-type]
    "an unregistered class": Unregistered,
    "an empty tag": lambda: ef.NewEvent(Noted(), tags=[""]),
    "a NUL in the text": lambda: Noted("a\0b"),
    "metadata that is no JSON": lambda: ef.NewEvent(Noted(), metadata={"k": object()}),
}


class AppendBatches:
    async def test_a_thousand_events_come_back_in_their_order(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", notes(1000), expected_version=0)
        expected = [str(number) for number in range(1, 1001)]
        assert result.version == 1000
        assert texts(await stream_of(store, "stay-1")) == texts(await log_of(store)) == expected

    async def test_as_many_events_as_the_limit_allows_are_one_append(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", [Counted(1)] * 10_000, expected_version=0)
        assert result.version == 10_000
        assert [e.version for e in await stream_of(store, "stay-1", after_version=9_998)] == [9_999, 10_000]

    async def test_the_positions_of_a_batch_follow_each_other(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", notes(50), expected_version=0)
        first = result.events[0].position
        assert [e.position for e in result.events] == list(range(first, first + 50))
        assert result.position == first + 49

    async def test_a_refused_batch_leaves_nothing(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted("here")], expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.append("stay-1", notes(500), expected_version=0)
        assert texts(await log_of(store)) == ["here"]

    @pytest.mark.parametrize("broken", BROKEN)
    async def test_one_event_that_cannot_be_stored_refuses_the_batch(
        self, store: ef.AsyncEventStore, broken: str
    ) -> None:
        with pytest.raises(ef.EverfoldError):
            await store.append("stay-1", [*notes(2), BROKEN[broken](), *notes(2)], expected_version=0)
        assert await log_of(store) == []
        assert await store.stream("stay-1") is None

    async def test_events_may_come_from_a_generator(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", (Noted(str(n)) for n in range(3)), expected_version=0)
        assert texts(result.events) == ["0", "1", "2"]

    async def test_payloads_and_new_events_may_stand_side_by_side(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", [Noted("a"), ef.NewEvent(Counted(2)), Noted("b")], expected_version=0)
        assert [e.event for e in result.events] == [Noted("a"), Counted(2), Noted("b")]

    async def test_the_same_payload_object_may_be_appended_twice(self, store: ef.AsyncEventStore) -> None:
        note = Noted("twice")
        result = await store.append("stay-1", [note, note], expected_version=0)
        assert texts(result.events) == ["twice", "twice"]

    @pytest.mark.parametrize("wrong", ["text", b"bytes", {"type": "noted"}], ids=["str", "bytes", "dict"])
    async def test_what_is_no_list_of_events_is_refused(self, store: ef.AsyncEventStore, wrong: Any) -> None:
        with pytest.raises(ef.InvalidNameError, match="list of payload objects"):
            await store.append("stay-1", wrong, expected_version=0)
        assert await log_of(store) == []
