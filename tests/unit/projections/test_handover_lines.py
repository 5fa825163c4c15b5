"""What a build needs before it is fed inline, and back: each condition alone, and how its consumer is left."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

import everfold as ef
from everfold import limits
from everfold.projections import inline_handover_async
from everfold.projections.inline_handover_async import hand_over_due
from everfold.projections.wait_async import wait_for
from everfold.storage.control import Letter


@dataclass(frozen=True)
class Stayed:
    room: str


@dataclass(frozen=True)
class Cleaned:
    room: str


@pytest.fixture
async def hotel():
    module = ef.Module("hotel")
    module.event("stayed")(Stayed)
    module.event("cleaned")(Cleaned)
    rooms = ef.DocumentProjection("rooms", key=lambda event: event.room)

    @rooms.on(Stayed)
    def _(document, event):
        return {"stays": (document or {"stays": 0})["stays"] + 1}

    module.add(rooms)
    async with await ef.AsyncEventStore.open("memory://", module) as store:
        await stay(store, 2)
        await ef.AsyncWorker(store).run_until_caught_up()
        yield store, rooms


async def stay(store, times=1, event=None):
    for _ in range(times):
        await store.append("stay-1", [event or Stayed("12")], expected_version=ef.ANY)


async def change(store, **fields):
    """Change the consumer's row, as an operator or a worker does."""
    rows = [msgspec.structs.replace(row, **fields) for row in await consumers(store)]
    await store.storage.transact(lambda transaction: transaction.save_consumers("", rows))


async def consumers(store):
    return [row for row in await store.storage.consumer_rows("") if row.name == "rooms@1"]


async def handed(store, rooms, timing=ef.INLINE):
    rooms.timing = timing
    return await hand_over_due(store._scope)


async def stays(store, rooms):
    return (await store.read_model(rooms).get("12"))["stays"]


async def test_what_the_consumer_had_not_applied_is_in_it_and_the_consumer_rests(hotel, monkeypatch):
    monkeypatch.setattr(limits, "CONSUMER_BATCH_EVENTS", 1)
    store, rooms = hotel
    (before,) = await consumers(store)
    await stay(store, 3)
    assert await handed(store, rooms)
    assert await stays(store, rooms) == 5
    (after,) = await consumers(store)
    assert (after.position, after.event_id, after.status) == (await store.storage.head(""), None, "paused")
    assert after.token > before.token


async def test_on_the_way_back_the_consumer_goes_on_after_the_last_event(hotel, monkeypatch):
    store, rooms = hotel
    assert await handed(store, rooms)

    async def earlier(tenant):
        return 0

    await stay(store, event=Cleaned("12"))
    monkeypatch.setattr(store.storage, "head", earlier)
    assert await handed(store, rooms, ef.CATCH_UP)
    (row,) = await consumers(store)
    assert (row.position, row.status) == (2, "running")
    (build,) = await store.storage.build_rows("")
    assert (build.fed, build.timing) == ("consumer", "catch_up")


@pytest.mark.parametrize("status", ["paused", "stopped"])
async def test_one_whose_consumer_does_not_run_is_left_as_it_is(hotel, status):
    store, rooms = hotel
    await change(store, status=status)
    assert not await handed(store, rooms)


async def test_one_that_is_far_behind_is_left_to_its_consumer(hotel, monkeypatch):
    store, rooms = hotel
    monkeypatch.setattr(inline_handover_async, "_NEAR", 1)
    await stay(store, 2)
    assert not await handed(store, rooms)


async def test_one_with_parked_events_is_left_to_its_consumer(hotel):
    store, rooms = hotel
    letter = Letter("rooms@1", 0, "key:12", 1, bytes(16), "stayed", "stay-1", b"{}", 1)
    await store.storage.transact(lambda transaction: transaction.park("", [letter], now=None))
    assert not await handed(store, rooms)


async def test_one_whose_code_changed_is_not_handed_over(hotel):
    store, rooms = hotel
    (build,) = await store.storage.build_rows("")
    other = msgspec.structs.replace(build, code=rooms.fingerprint() + "0")
    await store.storage.transact(lambda transaction: transaction.save_build("", other))
    assert not await handed(store, rooms)


async def test_nobody_waits_for_what_is_fed_inline(hotel):
    store, rooms = hotel
    assert await handed(store, rooms)
    await change(store, position=0)
    await wait_for(store._scope, "rooms", 2, 0.0)


async def test_a_switch_between_the_two_looks_of_a_wait_is_not_taken_for_a_build_that_is_behind(hotel, monkeypatch):
    """A build that is made active after its consumer was seen was at least as far as it was seen."""
    store, _ = hotel
    looks = []
    for verb in ("consumer_rows", "build_rows"):
        inner = getattr(store.storage, verb)

        async def look(*given, verb=verb, inner=inner):
            looks.append(verb)
            return await inner(*given)

        monkeypatch.setattr(store.storage, verb, look)
    await wait_for(store._scope, "rooms", 2, 0.0)
    assert looks == ["consumer_rows", "build_rows"]
