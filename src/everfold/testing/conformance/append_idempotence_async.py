"""An append whose outcome is unknown can be sent again: the same event ids give the first result back."""

from __future__ import annotations

import pytest

import everfold as ef

from ..racing import race_async, successes
from .backend_async import AsyncBackend
from .domain import Counted, Noted, ids_of, notes, texts
from .needs import needs
from .reading_async import log_of, stream_of

EXPECTATIONS = [
    pytest.param(0, 0, id="version 0"),
    pytest.param(2, 2, id="version 2"),
    pytest.param(0, ef.NO_STREAM, id="NO_STREAM"),
    pytest.param(0, ef.ANY, id="ANY on an empty stream"),
    pytest.param(2, ef.ANY, id="ANY"),
    pytest.param(2, ef.STREAM_EXISTS, id="STREAM_EXISTS"),
]
ON_NONE = ef.AppendCondition(ef.Query(tags=["room:1"]))


class AppendIdempotence:
    @pytest.mark.parametrize(("before", "expected"), EXPECTATIONS)
    async def test_a_repeated_append_gives_the_first_result(
        self, store: ef.AsyncEventStore, before: int, expected: ef.Expected
    ) -> None:
        await store.append("stay-1", notes(before, "earlier "), expected_version=0)
        sent = notes(3)
        first = await store.append("stay-1", sent, expected_version=expected)
        again = await store.append("stay-1", sent, expected_version=expected)
        assert (again.version, again.position, again.events) == (first.version, first.position, first.events)
        assert (first.repeated, again.repeated) == (False, True)
        assert len(await log_of(store)) == before + 3

    @pytest.mark.parametrize(("before", "expected"), EXPECTATIONS)
    async def test_it_does_so_however_much_was_appended_meanwhile(
        self, store: ef.AsyncEventStore, before: int, expected: ef.Expected
    ) -> None:
        await store.append("stay-1", notes(before, "earlier "), expected_version=0)
        sent = notes(2)
        first = await store.append("stay-1", sent, expected_version=expected)
        for _ in range(5):
            await store.append("stay-1", [Noted("later")], expected_version=ef.ANY)
            await store.append("stay-2", [Noted("other")], expected_version=ef.ANY)
        again = await store.append("stay-1", sent, expected_version=expected)
        assert (again.version, again.position, ids_of(again.events)) == (first.version, first.position, ids_of(sent))
        assert len(await log_of(store)) == before + 12

    @pytest.mark.parametrize(("before", "expected"), EXPECTATIONS)
    async def test_a_repetition_uses_no_position(
        self, store: ef.AsyncEventStore, before: int, expected: ef.Expected
    ) -> None:
        await store.append("stay-1", notes(before, "earlier "), expected_version=0)
        sent = notes(2)
        first = await store.append("stay-1", sent, expected_version=expected)
        for _ in range(3):
            await store.append("stay-1", sent, expected_version=expected)
        assert (await store.append("stay-2", [Noted()], expected_version=0)).position == first.position + 1

    @needs("durable")
    @pytest.mark.parametrize(("before", "expected"), EXPECTATIONS)
    async def test_it_does_so_after_the_store_was_closed_and_opened(
        self, backend: AsyncBackend, before: int, expected: ef.Expected
    ) -> None:
        sent = notes(2)
        store = await backend.open()
        await store.append("stay-1", notes(before, "earlier "), expected_version=0)
        first = await store.append("stay-1", sent, expected_version=expected)
        await store.close()
        again = await (await backend.open()).append("stay-1", sent, expected_version=expected)
        assert (again.version, again.position, again.events) == (first.version, first.position, first.events)

    async def test_a_repetition_shows_the_events_that_are_stored(self, store: ef.AsyncEventStore) -> None:
        sent = notes(1)
        await store.append("stay-1", sent, expected_version=0, metadata={"actor": "anna"})
        changed = [ef.NewEvent(Noted("changed"), id=sent[0].id)]
        again = await store.append("stay-1", changed, expected_version=0, metadata={"actor": "bert"})
        assert texts(again.events) == ["1"]
        assert again.events[0].metadata == {"actor": "anna"}

    async def test_a_repetition_of_events_that_lie_apart_in_the_log_shows_them_all(
        self, store: ef.AsyncEventStore
    ) -> None:
        sent = notes(2)
        async with store.unit() as unit:
            unit.append("stay-1", sent[:1], expected_version=0)
            unit.append("stay-2", [Noted("between")], expected_version=0)
            unit.append("stay-1", sent[1:], expected_version=1)
        again = await store.append("stay-1", sent, expected_version=0)
        assert (again.version, texts(again.events)) == (2, ["1", "2"])
        assert again.events[1].position == again.events[0].position + 2

    @pytest.mark.parametrize("expected", [0, ef.ANY], ids=str)
    async def test_a_stored_append_with_one_more_event_is_refused(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        sent = notes(2)
        await store.append("stay-1", sent, expected_version=expected)
        with pytest.raises(ef.ConflictError):
            await store.append("stay-1", [*sent, Noted("one more")], expected_version=expected)
        assert len(await log_of(store)) == 2

    async def test_a_stored_event_behind_a_new_one_is_refused_and_named(self, store: ef.AsyncEventStore) -> None:
        sent = notes(1)
        await store.append("stay-1", sent, expected_version=0)
        with pytest.raises(ef.EventIdReusedError) as caught:
            await store.append("stay-1", [Noted("new"), *sent], expected_version=ef.ANY)
        assert caught.value.ids == (sent[0].id,)
        assert len(await log_of(store)) == 1

    async def test_stored_events_in_another_order_are_refused(self, store: ef.AsyncEventStore) -> None:
        sent = notes(2)
        await store.append("stay-1", sent, expected_version=0)
        with pytest.raises(ef.EventIdReusedError):
            await store.append("stay-1", sent[::-1], expected_version=ef.ANY)
        assert texts(await log_of(store)) == ["1", "2"]

    async def test_stored_events_for_another_stream_are_refused(self, store: ef.AsyncEventStore) -> None:
        sent = notes(2)
        await store.append("stay-1", sent, expected_version=0)
        with pytest.raises(ef.EventIdReusedError):
            await store.append("stay-2", sent, expected_version=0)
        assert await store.stream("stay-2") is None

    async def test_stored_events_at_another_expected_version_are_refused(self, store: ef.AsyncEventStore) -> None:
        """EventStoreDB 1.1: compared from expected + 1 on."""
        sent = notes(2)
        await store.append("stay-1", [Noted("first")], expected_version=0)
        await store.append("stay-1", sent, expected_version=1)
        with pytest.raises(ef.ConflictError):
            await store.append("stay-1", sent, expected_version=3)
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.append("stay-1", sent, expected_version=0)
        assert len(await log_of(store)) == 3

    async def test_other_events_at_a_used_version_are_no_repetition(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(2), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.append("stay-1", notes(2), expected_version=0)

    @pytest.mark.parametrize("expected", [0, ef.ANY], ids=str)
    async def test_an_id_twice_in_one_append_is_refused(self, store: ef.AsyncEventStore, expected: ef.Expected) -> None:
        [one] = notes(1)
        with pytest.raises(ef.EventIdReusedError) as caught:
            await store.append("stay-1", [one, Noted("between"), one], expected_version=expected)
        assert caught.value.ids == (one.id,)
        assert await log_of(store) == []

    async def test_a_refused_append_may_be_sent_again_with_the_same_ids(self, store: ef.AsyncEventStore) -> None:
        sent = notes(2)
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.append("stay-1", sent, expected_version=5)
        result = await store.append("stay-1", sent, expected_version=0)
        assert (result.version, result.repeated) == (2, False)

    async def test_a_repeated_unit_gives_its_first_results(self, store: ef.AsyncEventStore) -> None:
        left, right = notes(2, "left "), notes(1, "right ")
        results = []
        for _ in range(2):
            async with store.unit() as unit:
                unit.append("shift-1", left, expected_version=0)
                unit.append("shift-2", right, expected_version=ef.NO_STREAM)
            results.append([(one.version, one.position, one.events) for one in unit.results])
        assert results[0] == results[1]
        assert len(await log_of(store)) == 3

    async def test_a_unit_of_stored_and_new_appends_is_refused_whole(self, store: ef.AsyncEventStore) -> None:
        sent = notes(2)
        await store.append("shift-1", sent, expected_version=0)
        unit = store.unit()
        unit.append("shift-1", sent, expected_version=ef.ANY)
        unit.append("shift-2", [Noted("new")], expected_version=0)
        with pytest.raises(ef.EventIdReusedError):
            await unit.commit()
        assert await store.stream("shift-2") is None

    async def test_a_repeated_conditional_append_gives_its_first_result(self, store: ef.AsyncEventStore) -> None:
        """Its own events match its condition: it must not refuse itself."""
        sent = [ef.NewEvent(Noted("a"), tags=["room:1"])]
        first = await store.append_if(sent, ON_NONE)
        again = await store.append_if(sent, ON_NONE)
        assert (again.position, again.events, again.repeated) == (first.position, first.events, True)
        assert len(await log_of(store)) == 1

    async def test_a_repeated_conditional_append_to_a_stream_gives_its_first_result(
        self, store: ef.AsyncEventStore
    ) -> None:
        sent = [ef.NewEvent(Noted("a"), tags=["room:1"])]
        first = await store.append_if(sent, ON_NONE, stream="stay-1")
        await store.append("stay-1", [Counted()], expected_version=1)
        again = await store.append_if(sent, ON_NONE, stream="stay-1")
        assert (again.version, again.position) == (first.version, first.position) == (1, first.position)

    async def test_a_repetition_after_the_stream_was_tombstoned_gives_the_first_result(
        self, store: ef.AsyncEventStore
    ) -> None:
        sent = notes(2)
        first = await store.append("stay-1", sent, expected_version=0)
        await store.tombstone("stay-1")
        again = await store.append("stay-1", sent, expected_version=0)
        assert (again.version, again.position) == (first.version, first.position)

    async def test_a_repetition_after_a_truncation_gives_the_first_result(self, store: ef.AsyncEventStore) -> None:
        sent = notes(3)
        first = await store.append("stay-1", sent, expected_version=0)
        await store.truncate("stay-1", before_version=3)
        again = await store.append("stay-1", sent, expected_version=0)
        assert (again.version, again.events) == (first.version, first.events)

    @pytest.mark.parametrize("expected", [0, ef.ANY], ids=str)
    async def test_one_append_sent_by_many_at_once_is_stored_once(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        sent = notes(2)
        outcomes = await race_async([lambda: store.append("stay-1", sent, expected_version=expected)] * 8)
        results = successes(outcomes)
        assert [outcome for outcome in outcomes if outcome not in results] == []
        assert {(result.version, result.position) for result in results} == {(2, results[0].position)}
        assert [result.repeated for result in results].count(False) == 1
        assert texts(await stream_of(store, "stay-1")) == ["1", "2"]
