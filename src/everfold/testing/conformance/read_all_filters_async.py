"""Reading the whole log: queries agree with `Query.matches` on every event, forwards, backwards, and page by page."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ... import limits
from .backend_async import AsyncBackend
from .domain import CheckedIn, Counted, Noted, notes, texts
from .reading_async import all_of, log_of, stop

QUERIES = {
    "everything": ef.Query(),
    "one type": ef.Query(types=["noted"]),
    "two types": ef.Query(types=["noted", "counted"]),
    "an unknown type": ef.Query(types=["never_seen"]),
    "one category": ef.Query(categories=["stay"]),
    "two categories": ef.Query(categories=["stay", "shift"]),
    "a stream's name that is no category": ef.Query(categories=["stay-1"]),
    "one tag": ef.Query(tags=["room:1"]),
    "two tags": ef.Query(tags=["room:1", "night:1"]),
    "tags that never meet": ef.Query(tags=["room:1", "room:2"]),
    "a tag that is the beginning of another": ef.Query(tags=["room:"]),
    "type and category": ef.Query(types=["noted"], categories=["shift"]),
    "type and tag": ef.Query(types=["noted"], tags=["room:2"]),
    "category and tag": ef.Query(categories=["stay"], tags=["night:1"]),
    "all three": ef.Query(types=["counted", "noted"], categories=["stay"], tags=["night:0"]),
    "two alternatives": ef.Query(types=["counted"]) | ef.Query(tags=["room:1"]),
    "alternatives that overlap": ef.Query(tags=["room:1"]) | ef.Query(tags=["night:1"]),
    "alternatives with all": ef.Query(tags=["room:1"]) | ef.Query(),
    "a tagged and an untagged alternative": ef.Query(tags=["room:2", "night:0"]) | ef.Query(categories=["shift"]),
    "many alternatives": ef.Query(tags=["night:0"])
    | ef.Query(types=["counted"], tags=["room:0"])
    | ef.Query(types=["noted"], categories=["stay"]),
}
WINDOWS: list[dict[str, Any]] = [
    {},
    {"limit": 4},
    {"limit": 1},
    {"limit": 0},
    {"backwards": True},
    {"backwards": True, "limit": 3},
]
EVERY_WINDOW = pytest.mark.parametrize("window", WINDOWS, ids=str)


async def fill(store: ef.AsyncEventStore) -> list[ef.RecordedEvent]:
    """A log with every mixture of type, category and tags, some of it outside streams."""
    payloads = [Noted("a"), Counted(2), CheckedIn("anna")]
    for number in range(36):
        tags = [f"room:{number % 3}", f"night:{number % 2}"][: number % 4]
        event = ef.NewEvent(payloads[number % 5 % 3], tags=tags)
        if number % 7 == 0:
            await store.append_if([event], ef.AppendCondition(ef.Query(), after=2**40))
        else:
            await store.append(
                f"{('stay', 'shift', 'desk')[number % 3]}-{number % 4}", [event], expected_version=ef.ANY
            )
    return await log_of(store)


def expected_of(log: list[ef.RecordedEvent], query: ef.Query, window: dict[str, Any]) -> list[ef.RecordedEvent]:
    """What the rule itself says."""
    after, limit = window.get("after", 0), window.get("limit")
    categories = [None if e.stream is None else e.stream.partition("-")[0] for e in log]
    found = [e for e, c in zip(log, categories, strict=True) if e.position > after and query.matches(e.type, c, e.tags)]
    return (found[::-1] if window.get("backwards") else found)[:limit]


class ReadAllFilters:
    @pytest.mark.parametrize("name", QUERIES)
    async def test_a_query_finds_what_its_rule_says_in_every_window(self, store: ef.AsyncEventStore, name: str) -> None:
        log = await fill(store)
        assert len(log) == 36
        middles = [{**window, "after": log[17].position} for window in WINDOWS]
        for window in [*WINDOWS, *middles]:
            assert await log_of(store, query=QUERIES[name], **window) == expected_of(log, QUERIES[name], window)

    async def test_a_class_stands_for_its_type_name(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted("a"), Counted()], expected_version=0)
        assert [e.type for e in await log_of(store, query=ef.Query(types=[Counted]))] == ["counted"]

    async def test_a_class_no_module_registered_is_refused(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.UnknownEventTypeError):
            await log_of(store, query=ef.Query(types=[int]))

    async def test_a_name_and_a_class_find_what_was_written_under_an_alias(self, backend: AsyncBackend) -> None:
        earlier = ef.Module("earlier")
        earlier.event("arrived")(CheckedIn)
        await (await backend.open(earlier)).append("stay-1", [CheckedIn("anna")], expected_version=0)
        store = await backend.open()
        await store.append("stay-1", [CheckedIn("bert")], expected_version=1)
        for wanted in (CheckedIn, "checked_in", "arrived"):
            found = await log_of(store, query=ef.Query(types=[wanted]))
            assert [(e.type, e.event.guest) for e in found] == [("arrived", "anna"), ("checked_in", "bert")]

    @EVERY_WINDOW
    async def test_an_empty_log_gives_nothing(self, store: ef.AsyncEventStore, window: dict[str, Any]) -> None:
        assert await log_of(store, **window) == []

    async def test_after_a_position_beyond_the_log_there_is_nothing(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(2), expected_version=0)
        assert await log_of(store, after=2**40) == []
        assert await log_of(store, after=2**40, backwards=True) == []

    @pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
    async def test_a_long_log_comes_whole_over_the_borders_of_pages(
        self, store: ef.AsyncEventStore, backwards: bool
    ) -> None:
        for part in range(3):
            await store.append(f"stay-{part}", notes(limits.PAGE_EVENTS - 200), expected_version=0)
        events = await log_of(store, backwards=backwards)
        positions = [e.position for e in events]
        assert len(set(positions)) == 3 * (limits.PAGE_EVENTS - 200)
        assert positions == sorted(positions, reverse=backwards)

    @pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
    @pytest.mark.parametrize(
        "query",
        [ef.Query(tags=["t"]), ef.Query(types=[Noted]), ef.Query(tags=["t"]) | ef.Query(categories=["none"])],
        ids=["tags", "types", "tags or categories"],
    )
    async def test_matches_of_many_pages_come_once_each(
        self, store: ef.AsyncEventStore, query: ef.Query, backwards: bool
    ) -> None:
        count = limits.PAGE_EVENTS + 300
        wanted = [ef.NewEvent(Noted(str(number)), tags=["t"]) for number in range(count)]
        await store.append("stay-1", [one for event in wanted for one in (event, Counted())], expected_version=0)
        found = [int(text) for text in texts(await log_of(store, query=query, backwards=backwards))]
        assert found == sorted(range(count), reverse=backwards)

    async def test_a_log_that_ends_at_the_border_of_a_page_ends(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(limits.PAGE_EVENTS), expected_version=0)
        assert len(await log_of(store)) == len(await log_of(store, backwards=True)) == limits.PAGE_EVENTS

    @pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
    async def test_a_rare_event_is_found_over_many_pages(self, store: ef.AsyncEventStore, backwards: bool) -> None:
        for part in range(3):
            many = [*[Counted(n) for n in range(900)], ef.NewEvent(Noted(str(part)), tags=["rare"])]
            await store.append(f"stay-{part}", many, expected_version=0)
        wanted = ["2", "1", "0"] if backwards else ["0", "1", "2"]
        for query in (ef.Query(types=["noted"]), ef.Query(tags=["rare"])):
            assert texts(await log_of(store, query=query, backwards=backwards)) == wanted

    async def test_a_limit_counts_matches_not_what_was_passed_over(self, store: ef.AsyncEventStore) -> None:
        await store.append(
            "stay-1", [Noted(str(n)) if n % 100 == 0 else Counted() for n in range(1500)], expected_version=0
        )
        found = await log_of(store, query=ef.Query(types=["noted"]), limit=12)
        assert texts(found) == [str(n) for n in range(0, 1200, 100)]

    async def test_a_read_goes_on_from_the_position_of_its_last_event(self, store: ef.AsyncEventStore) -> None:
        log = await fill(store)
        found, after = [], 0
        while page := await log_of(store, after=after, limit=5):
            found += page
            after = page[-1].position
        assert found == log

    async def test_an_iteration_may_end_early_and_another_begin(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(1500), expected_version=0)
        for _ in range(20):
            events = store.read_all()
            assert (await anext(events)).version == 1
            await stop(events)
        assert len(await log_of(store)) == 1500

    async def test_a_read_ends_though_appends_go_on(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(3), expected_version=0)
        read = 0
        async for _ in store.read_all(limit=50):
            read += 1
            await store.append("stay-1", notes(1), expected_version=ef.ANY)
        assert 3 <= read <= 50

    async def test_a_hundred_alternatives_are_one_query(self, store: ef.AsyncEventStore) -> None:
        await store.append(
            "stay-1", [ef.NewEvent(Noted(str(n)), tags=[f"n:{n}"]) for n in range(150)], expected_version=0
        )
        query = ef.Query(tags=["n:0"])
        for number in range(1, 100):
            query |= ef.Query(tags=[f"n:{number}"])
        assert texts(await all_of(store.read_all(query=query))) == [str(n) for n in range(100)]

    @pytest.mark.parametrize("bound", ["after", "limit"])
    @pytest.mark.parametrize("wrong", [-1, "1", 1.5, True, 2**64], ids=repr)
    async def test_a_bound_that_is_no_number_is_refused(
        self, store: ef.AsyncEventStore, bound: str, wrong: Any
    ) -> None:
        with pytest.raises(ef.ConfigurationError, match=bound):
            await log_of(store, **{bound: wrong})
