"""Writers at the same moment, each in a thread or a task of its own: one wins, none is lost."""

from __future__ import annotations

from functools import partial

import pytest

import everfold as ef

from ..racing import race_async, successes
from .backend_async import AsyncBackend
from .deciders_async import ledger
from .domain import Add, Noted, tally, texts
from .needs import needs
from .reading_async import log_of, stream_of

WRITERS = 8


async def insist(store: ef.AsyncEventStore, by: int) -> None:
    """Decide until it is done: a crowd may use up the attempts of one call."""
    while True:
        try:
            await store.decide("tally-1", tally, Add(by))
        except ef.ConflictError:
            continue
        return


class Races:
    @pytest.mark.parametrize("expected", [0, ef.NO_STREAM], ids=str)
    async def test_of_many_writers_that_begin_a_stream_one_wins(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 1."""
        racers = [
            partial(store.append, "stay-1", [Noted(str(n)), Noted(str(n))], expected_version=expected)
            for n in range(WRITERS)
        ]
        outcomes = await race_async(racers)
        assert [result.version for result in successes(outcomes)] == [2]
        lost = [o for o in outcomes if isinstance(o, ef.WrongExpectedVersionError)]
        assert [error.actual for error in lost] == [2] * (WRITERS - 1)
        assert len(set(texts(await log_of(store)))) == 1

    async def test_of_many_writers_at_the_same_version_one_wins_every_time(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 1."""
        for version in range(10):
            racers = [partial(store.append, "stay-1", [Noted()], expected_version=version) for _ in range(4)]
            assert len(successes(await race_async(racers))) == 1
        assert [e.version for e in await stream_of(store, "stay-1")] == list(range(1, 11))

    async def test_losers_use_no_position(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 15."""
        for version in range(5):
            racers = [partial(store.append, "stay-1", [Noted()], expected_version=version) for _ in range(4)]
            await race_async(racers)
        positions = [e.position for e in await log_of(store)]
        assert positions == list(range(positions[0], positions[0] + 5))

    async def test_writers_that_expect_nothing_all_win_and_leave_no_hole(self, store: ef.AsyncEventStore) -> None:
        racers = [
            partial(store.append, "stay-1", [Noted(f"{n}a"), Noted(f"{n}b")], expected_version=ef.ANY)
            for n in range(20)
        ]
        results = successes(await race_async(racers))
        assert sorted(result.version for result in results) == list(range(2, 42, 2))
        events = await stream_of(store, "stay-1")
        assert [e.version for e in events] == list(range(1, 41))
        pairs = texts(events)
        assert {(pairs[n], pairs[n + 1]) for n in range(0, 40, 2)} == {(f"{n}a", f"{n}b") for n in range(20)}

    async def test_a_stream_lies_in_the_log_in_the_order_of_its_versions(self, store: ef.AsyncEventStore) -> None:
        racers = [partial(store.append, f"stay-{n % 3}", [Noted()], expected_version=ef.ANY) for n in range(24)]
        assert len(successes(await race_async(racers))) == 24
        events = await log_of(store)
        for number in range(3):
            assert [e.version for e in events if e.stream == f"stay-{number}"] == list(range(1, 9))

    @needs("several_processes")
    async def test_writers_on_stores_of_their_own_race_alike(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 1."""
        stores = [await backend.open() for _ in range(4)]
        outcomes = await race_async([partial(s.append, "stay-1", [Noted()], expected_version=0) for s in stores])
        assert len(successes(outcomes)) == 1
        outcomes = await race_async([partial(s.append, "stay-1", [Noted()], expected_version=ef.ANY) for s in stores])
        assert sorted(result.version for result in successes(outcomes)) == [2, 3, 4, 5]

    async def test_decisions_from_many_at_once_each_count_once(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 1."""
        await race_async([partial(insist, store, by) for by in range(1, WRITERS + 1)])
        loaded = await store.load("tally-1", tally)
        assert (loaded.state.total, loaded.version) == (sum(range(1, WRITERS + 1)), WRITERS)

    async def test_decisions_with_a_cache_each_count_once(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 31."""
        store = await backend.open(cache=ef.StateCache())
        await race_async([partial(insist, store, by) for by in range(1, WRITERS + 1)])
        assert (await store.load("tally-1", tally)).state.total == sum(range(1, WRITERS + 1))
        assert (await store.decide("tally-1", tally, Add(0))).version == WRITERS

    async def test_decisions_on_streams_of_their_own_do_not_disturb_each_other(self, store: ef.AsyncEventStore) -> None:
        outcomes = await race_async([partial(store.decide, f"tally-{n}", ledger, Add(n)) for n in range(WRITERS)])
        assert [o.state.entries for o in successes(outcomes)] == [[n] for n in range(WRITERS)]

    @pytest.mark.parametrize("begun", [False, True], ids=["new streams", "streams with events"])
    async def test_two_units_that_each_rely_on_what_the_other_writes_do_not_both_commit(
        self, store: ef.AsyncEventStore, begun: bool
    ) -> None:
        """Each checks the other's stream with an empty append: one of them saw something that was no longer so."""
        version = int(begun)

        async def relying(number: int, checked: str, written: str) -> None:
            async with store.unit() as unit:
                unit.append(f"{checked}-{number}", [], expected_version=version)
                unit.append(f"{written}-{number}", [Noted()], expected_version=version)

        for number in range(10):
            for stream in ("day", "night")[: 2 * version]:
                await store.append(f"{stream}-{number}", [Noted()], expected_version=0)
            racers = [partial(relying, number, "day", "night"), partial(relying, number, "night", "day")]
            outcomes = await race_async(racers)
            assert len(successes(outcomes)) == 1
            assert [type(o) for o in outcomes if o is not None] == [ef.WrongExpectedVersionError]

    async def test_units_over_the_same_streams_in_another_order_all_commit(self, store: ef.AsyncEventStore) -> None:
        async def swap(number: int) -> None:
            async with store.unit() as unit:
                for stream in ("shift-1", "shift-2")[:: 1 if number % 2 else -1]:
                    unit.append(stream, [Noted(str(number))], expected_version=ef.ANY)

        outcomes = await race_async([partial(swap, n) for n in range(WRITERS)])
        assert successes(outcomes) == outcomes
        left, right = texts(await stream_of(store, "shift-1")), texts(await stream_of(store, "shift-2"))
        assert sorted(left) == sorted(right) == [str(n) for n in range(WRITERS)]
