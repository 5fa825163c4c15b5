"""Dynamic consistency boundaries: an append that holds only while nothing else matching a query was appended."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import pytest

import everfold as ef

from ..racing import race_async, successes
from .backend_async import AsyncBackend
from .domain import CheckedIn, Counted, Noted
from .needs import needs
from .reading_async import log_of

RACERS = 8
ROOM = ef.Query(tags=["room:12"])
GUARDS = {
    "tags": ef.Query(tags=["room:12"]),
    "two tags": ef.Query(tags=["room:12", "night:1"]),
    "types": ef.Query(types=[Noted]),
    "types and tags": ef.Query(types=[Noted], tags=["room:12"]),
    "categories": ef.Query(categories=["stay"]),
    "alternatives": ef.Query(tags=["room:99"]) | ef.Query(types=[Noted]),
    "everything": ef.Query(),
}
UNRELATED = {
    "other tags": ef.Query(tags=["room:13"]),
    "one tag of two": ef.Query(tags=["room:12", "night:2"]),
    "other types": ef.Query(types=[Counted]),
    "other categories": ef.Query(categories=["shift"]),
    "a type with another tag": ef.Query(types=[Noted], tags=["room:13"]),
    "alternatives": ef.Query(types=[Counted]) | ef.Query(tags=["room:13"]),
}


def tagged(text: str = "", tags: Iterable[str] = ("room:12", "night:1")) -> ef.NewEvent:
    return ef.NewEvent(Noted(text), tags=tags)


class AppendConditions:
    @pytest.mark.parametrize("guard", GUARDS)
    async def test_a_condition_on_an_empty_result_lets_the_first_in_and_no_second(
        self, store: ef.AsyncEventStore, guard: str
    ) -> None:
        """Marten section 4 item 25: the empty boundary is guarded."""
        condition = ef.AppendCondition(GUARDS[guard])
        await store.append_if([tagged("first")], condition, stream="stay-1")
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([tagged("second")], condition, stream="stay-2")
        assert [e.event for e in await log_of(store)] == [Noted("first")]

    @pytest.mark.parametrize("guard", UNRELATED)
    async def test_an_event_that_does_not_match_is_no_conflict(self, store: ef.AsyncEventStore, guard: str) -> None:
        """Marten section 4 item 25."""
        await store.append("stay-1", [tagged("first")], expected_version=0)
        result = await store.append_if([tagged("second")], ef.AppendCondition(UNRELATED[guard]))
        assert result.position > 0

    async def test_a_plain_tagged_append_fails_the_condition(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 25."""
        head = (await store.append_if([tagged()], ef.AppendCondition(ROOM))).position
        await store.append("stay-1", [tagged()], expected_version=ef.ANY)
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([tagged()], ef.AppendCondition(ROOM, after=head))

    async def test_an_event_at_the_position_itself_is_known(self, store: ef.AsyncEventStore) -> None:
        at = (await store.append("stay-1", [tagged()], expected_version=0)).position
        await store.append_if([tagged()], ef.AppendCondition(ROOM, after=at))
        assert len(await log_of(store)) == 2

    async def test_an_event_one_after_the_position_fails_the_condition(self, store: ef.AsyncEventStore) -> None:
        at = (await store.append("stay-1", [tagged()], expected_version=0)).position
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([tagged()], ef.AppendCondition(ROOM, after=at - 1))

    async def test_a_position_beyond_the_log_guards_against_nothing_yet(self, store: ef.AsyncEventStore) -> None:
        at = (await store.append("stay-1", [tagged()], expected_version=0)).position
        assert (await store.append_if([tagged()], ef.AppendCondition(ROOM, after=at + 1000))).position > at

    async def test_an_event_that_the_decision_has_seen_is_known(self, store: ef.AsyncEventStore) -> None:
        seen = (await store.append("stay-1", [tagged()], expected_version=0)).position
        await store.append_if([tagged()], ef.AppendCondition(ROOM, after=0, seen=(seen,)))
        with pytest.raises(ef.AppendConditionFailedError) as caught:
            await store.append_if([tagged()], ef.AppendCondition(ROOM, after=0, seen=(seen,)))
        assert caught.value.position == seen + 1

    async def test_the_error_names_the_query_the_position_and_the_event_in_the_way(
        self, store: ef.AsyncEventStore
    ) -> None:
        first = (await store.append("stay-1", [tagged()], expected_version=0)).position
        await store.append("stay-1", [tagged()], expected_version=1)
        with pytest.raises(ef.AppendConditionFailedError) as caught:
            await store.append_if([tagged()], ef.AppendCondition(ROOM))
        assert (caught.value.query, caught.value.after, caught.value.position) == (ROOM, 0, first)
        assert "room:12" in str(caught.value)

    async def test_the_appends_own_events_do_not_fail_it(self, store: ef.AsyncEventStore) -> None:
        result = await store.append_if([tagged("a"), tagged("b")], ef.AppendCondition(ROOM))
        assert len(result.events) == 2

    async def test_an_event_without_a_stream_has_neither_stream_nor_version(self, store: ef.AsyncEventStore) -> None:
        result = await store.append_if([tagged()], ef.AppendCondition(ROOM))
        [event] = await log_of(store, query=ROOM)
        assert (result.version, event.stream, event.version) == (None, None, None)
        assert result.events == (event,)
        assert await store.streams() == []

    async def test_an_event_without_a_stream_is_in_no_category(self, store: ef.AsyncEventStore) -> None:
        await store.append_if([tagged()], ef.AppendCondition(ROOM))
        await store.append_if([tagged()], ef.AppendCondition(ef.Query(categories=["stay", ""])))
        assert await log_of(store, query=ef.Query(categories=["stay", ""])) == []

    async def test_with_a_stream_the_events_go_to_its_end(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted(), Noted()], expected_version=0)
        result = await store.append_if([tagged()], ef.AppendCondition(ROOM), stream="stay-1")
        assert (result.version, result.events[0].stream) == (3, "stay-1")

    async def test_an_untagged_event_is_guarded_by_its_type(self, store: ef.AsyncEventStore) -> None:
        guard = ef.AppendCondition(ef.Query(types=["checked_in"]))
        await store.append("stay-1", [CheckedIn("anna")], expected_version=0)
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([CheckedIn("bert")], guard)

    async def test_a_condition_with_a_class_finds_what_was_written_under_its_alias(self, backend: AsyncBackend) -> None:
        earlier = ef.Module("earlier")
        earlier.event("arrived")(CheckedIn)
        await (await backend.open(earlier)).append("stay-1", [CheckedIn("anna")], expected_version=0)
        with pytest.raises(ef.AppendConditionFailedError):
            await (await backend.open()).append_if([Noted()], ef.AppendCondition(ef.Query(types=[CheckedIn])))

    async def test_an_empty_conditional_append_checks_and_writes_nothing(self, store: ef.AsyncEventStore) -> None:
        assert (await store.append_if([], ef.AppendCondition(ROOM))).position == 0
        await store.append("stay-1", [tagged()], expected_version=0)
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([], ef.AppendCondition(ROOM))
        assert len(await log_of(store)) == 1

    async def test_a_condition_that_fails_refuses_its_whole_unit(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [tagged()], expected_version=0)
        unit = store.unit()
        unit.append("stay-2", [Noted("a")], expected_version=0)
        unit.append_if([Noted("b")], ef.AppendCondition(ROOM))
        with pytest.raises(ef.AppendConditionFailedError):
            await unit.commit()
        assert await store.stream("stay-2") is None
        assert len(await log_of(store)) == 1

    async def test_a_unit_holds_all_of_its_conditions(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [tagged("a", ["room:2"])], expected_version=0)
        unit = store.unit()
        unit.append_if([Noted()], ef.AppendCondition(ef.Query(tags=["room:1"])))
        unit.append_if([Noted()], ef.AppendCondition(ef.Query(tags=["room:2"])))
        with pytest.raises(ef.AppendConditionFailedError) as caught:
            await unit.commit()
        assert caught.value.query == ef.Query(tags=["room:2"])

    async def test_a_failed_condition_uses_no_position(self, store: ef.AsyncEventStore) -> None:
        at = (await store.append("stay-1", [tagged()], expected_version=0)).position
        with pytest.raises(ef.AppendConditionFailedError):
            await store.append_if([tagged()], ef.AppendCondition(ROOM))
        assert (await store.append("stay-1", [Noted()], expected_version=1)).position == at + 1

    @pytest.mark.parametrize("after", [-1, True, None, "0", 2**64], ids=repr)
    async def test_a_condition_needs_a_position(self, after: int) -> None:
        with pytest.raises(ef.ConfigurationError, match="after"):
            ef.AppendCondition(ROOM, after=after)

    @pytest.mark.parametrize("guard", GUARDS)
    async def test_of_many_racers_under_the_same_condition_one_wins(
        self, store: ef.AsyncEventStore, guard: str
    ) -> None:
        """Marten section 4 item 25."""
        condition = ef.AppendCondition(GUARDS[guard])
        racers = [partial(store.append_if, [tagged(str(n))], condition, stream=f"stay-{n}") for n in range(RACERS)]
        outcomes = await race_async(racers)
        assert len(successes(outcomes)) == len(await log_of(store)) == 1
        assert {type(o) for o in outcomes if isinstance(o, Exception)} == {ef.AppendConditionFailedError}

    @needs("several_processes")
    async def test_of_racers_on_stores_of_their_own_one_wins(self, backend: AsyncBackend) -> None:
        stores = [await backend.open() for _ in range(4)]
        outcomes = await race_async(
            [partial(store.append_if, [tagged()], ef.AppendCondition(ROOM)) for store in stores]
        )
        assert len(successes(outcomes)) == len(await log_of(stores[0])) == 1

    async def test_racers_with_tags_of_their_own_all_win(self, store: ef.AsyncEventStore) -> None:
        conditions = [ef.AppendCondition(ef.Query(tags=[f"room:{n}"])) for n in range(RACERS)]
        outcomes = await race_async(
            [partial(store.append_if, [tagged("", [f"room:{n}"])], one) for n, one in enumerate(conditions)]
        )
        assert len(successes(outcomes)) == len(await log_of(store)) == RACERS

    @pytest.mark.parametrize("guard", GUARDS)
    async def test_plain_appends_race_a_condition_and_never_slip_in(
        self, store: ef.AsyncEventStore, guard: str
    ) -> None:
        """Whatever the order: the conditional append stands first, or it is refused."""
        conditional = partial(store.append_if, [tagged("guarded")], ef.AppendCondition(GUARDS[guard]))
        plain = [partial(store.append, f"stay-{n}", [tagged("plain")], expected_version=0) for n in range(RACERS)]
        outcomes = await race_async([*plain[:4], conditional, *plain[4:]])
        events = [e.event.text for e in await log_of(store)]
        assert events.count("plain") == RACERS
        refused = isinstance(outcomes[4], ef.AppendConditionFailedError)
        assert ("guarded" in events, events[0] == "guarded") == (not refused, not refused)
