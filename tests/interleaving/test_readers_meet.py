"""A reader beside deciders, in every schedule: it never misses an event, never sees one twice, and keeps the order."""

from __future__ import annotations

from contextlib import aclosing

import pytest

import everfold as ef
from everfold.storage.memory.store import MemoryStorage
from everfold.testing.interleave import InterleavedStorage, Scenario, ScheduleFailed, alone, explore, open_store

from .bank import ACCOUNT, Deposit, Deposited, account, bank, fresh, listed, logged, recorded

OTHER = "account-2"


def writers(store: ef.AsyncEventStore) -> dict:
    return {
        "anna": store.decide(ACCOUNT, account, Deposit(1, "anna")),
        "ben": store.append(OTHER, [Deposited(2, "ben"), Deposited(3, "ben")], expected_version=0),
    }


def check_log(given: list[ef.RecordedEvent], store: ef.AsyncEventStore) -> None:
    everything = logged(store)
    assert [event.position for event in given] == [event.position for event in everything]
    assert [event.id for event in given] == [event.id for event in everything]
    positions = [event.position for event in given]
    assert positions == sorted(set(positions))
    for stream in (ACCOUNT, OTHER):
        versions = [event.version for event in given if event.stream == stream]
        assert versions == list(range(1, len(versions) + 1))


def test_what_a_reader_was_given_and_what_it_reads_later_make_the_whole_log(small_pages):
    def make() -> Scenario:
        store = fresh()

        async def read():
            return await listed(store.read_all())

        def check(results):
            given = results["reader"]
            last = given[-1].position if given else 0
            check_log(given + logged(store, after=last), store)

        return Scenario({"reader": read(), **writers(store)}, check)

    assert explore(make, reduce=True).schedules > 10


def test_a_stream_read_while_it_grows_is_a_beginning_of_it(small_pages):
    def make() -> Scenario:
        store = fresh()
        alone(store.append(ACCOUNT, [Deposited(1, "owner")] * 2, expected_version=0))
        tasks = {
            "reader": listed(store.read_stream(ACCOUNT)),
            "backwards": listed(store.read_stream(ACCOUNT, backwards=True)),
            "writer": store.append(ACCOUNT, [Deposited(2, "writer")], expected_version=2),
        }

        def check(results):
            versions = [event.version for event in results["reader"]]
            assert versions in ([1, 2], [1, 2, 3])
            reverse = [event.version for event in results["backwards"]]
            assert reverse in ([2, 1], [3, 2, 1])

        return Scenario(tasks, check)

    explore(make, reduce=True)


def test_a_backwards_reader_of_the_log_sees_each_event_once_whatever_is_appended_meanwhile(small_pages):
    def make() -> Scenario:
        store = fresh()
        alone(store.append(ACCOUNT, [Deposited(1, "owner"), Deposited(1, "owner")], expected_version=0))

        def check(results):
            given = [event.position for event in results["reader"]]
            assert given == list(range(given[0], 0, -1))
            assert given[0] in (2, 4)

        tasks = {
            "reader": listed(store.read_all(backwards=True)),
            "writer": store.append(OTHER, [Deposited(2, "ben"), Deposited(3, "ben")], expected_version=0),
        }
        return Scenario(tasks, check)

    explore(make)


async def followed(store: ef.AsyncEventStore, events: int, query: ef.Query | None = None) -> list:
    """What a subscription yields until it has given so many events and then said that this was all."""
    given: list = []
    async with aclosing(store.subscribe(query=query)) as items:
        async for item in items:
            given.append(item)
            if isinstance(item, ef.CaughtUp) and sum(isinstance(one, ef.RecordedEvent) for one in given) >= events:
                break
    return given


def check_markers(given: list) -> None:
    """A marker says that all up to its position was given: nothing at or below it comes later."""
    for place, item in enumerate(given):
        if isinstance(item, ef.CaughtUp):
            assert all(one.position <= item.position for one in given[:place])
            assert all(one.position > item.position for one in given[place + 1 :])


@pytest.mark.parametrize("waking", [True, False], ids=["woken", "never woken"])
def test_a_subscription_gives_every_event_once_and_in_order(waking, small_pages):
    class Asleep(MemoryStorage):
        """Hints may be lost: the subscription looks by itself."""

        def hint(self) -> int:
            return super().hint() if waking else 0

    def make() -> Scenario:
        store = fresh(Asleep())

        def check(results):
            given = results["subscriber"]
            check_log([item for item in given if isinstance(item, ef.RecordedEvent)], store)
            check_markers(given)

        return Scenario({"subscriber": followed(store, 3), **writers(store)}, check)

    assert explore(make, reduce=True).schedules > 10


def test_a_filtered_subscription_is_caught_up_beyond_what_it_left_out():
    only_ben = ef.Query(types=[Deposited], categories=["other"])

    def make() -> Scenario:
        store = fresh()
        tasks = {
            "subscriber": followed(store, 1, only_ben),
            "anna": store.append(ACCOUNT, [Deposited(1, "anna")], expected_version=0),
            "ben": store.append("other-1", [Deposited(2, "ben")], expected_version=0),
        }

        def check(results):
            given = results["subscriber"]
            events = [item for item in given if isinstance(item, ef.RecordedEvent)]
            assert [event.stream for event in events] == ["other-1"]
            check_markers(given)

        return Scenario(tasks, check)

    explore(make, reduce=True)


def test_a_subscription_ends_when_its_store_closes_wherever_it_stands():
    def make() -> Scenario:
        store = fresh()

        async def follow():
            return [item async for item in store.subscribe()]

        tasks = {
            "subscriber": follow(),
            "writer": store.append(ACCOUNT, [Deposited(1, "anna")], expected_version=0),
            "closer": store.close(),
        }

        def check(results):
            events = [item for item in results["subscriber"] if isinstance(item, ef.RecordedEvent)]
            assert len(events) <= 1

        return Scenario(tasks, check, may_raise=(ef.StoreClosedError,))

    assert explore(make).schedules > 100


def test_two_subscriptions_and_a_store_in_another_process_see_the_same_log():
    def make() -> Scenario:
        storage = InterleavedStorage(MemoryStorage())
        mine, theirs = open_store(storage, bank), open_store(storage, bank)
        tasks = {
            "mine": followed(mine, 1),
            "theirs": followed(theirs, 1),
            "writer": theirs.append(ACCOUNT, [Deposited(1, "theirs")], expected_version=0),
        }

        def check(results):
            for given in (results["mine"], results["theirs"]):
                assert [i for i in given if isinstance(i, ef.RecordedEvent)] == recorded(mine)

        return Scenario(tasks, check)

    explore(make, reduce=True)


class SkippingStorage(MemoryStorage):
    """A mutant: the cursor of a full page stands one event too far."""

    def read_all(self, *args, **bounds):
        page = super().read_all(*args, **bounds)
        page.position += page.more
        return page


class RepeatingStorage(MemoryStorage):
    """A mutant: the cursor of a page stands one event too low."""

    def read_all(self, *args, **bounds):
        page = super().read_all(*args, **bounds)
        page.position -= page.position > 1 and bool(page.rows)
        return page


@pytest.mark.parametrize("mutant", [SkippingStorage, RepeatingStorage])
def test_a_wrong_cursor_is_found(mutant, small_pages):
    def make() -> Scenario:
        store = fresh(mutant())

        def check(results):
            given = [item for item in results["subscriber"] if isinstance(item, ef.RecordedEvent)]
            assert [event.position for event in given] == [1, 2, 3]

        return Scenario({"subscriber": followed(store, 3), **writers(store)}, check)

    with pytest.raises(ScheduleFailed):
        explore(make, reduce=True, steps_max=200)
