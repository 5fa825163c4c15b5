"""Two builds are compared at one place, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest

import everfold as ef
from everfold.projections import lifecycle_async
from everfold.projections.verify_async import Verification, _Comparing


@dataclass(frozen=True)
class Stayed:
    room: str


@pytest.fixture
async def store():
    module = ef.Module("hotel")
    module.event("stayed")(Stayed)
    rooms = ef.DocumentProjection("rooms", key=lambda event: event.room)

    @rooms.on(Stayed)
    def _(document, event):
        return {"stays": 1}

    module.add(rooms)
    async with await ef.AsyncEventStore.open("memory://", module) as store:
        await store.append("stay-1", [Stayed("12")], expected_version=ef.ANY)
        await ef.AsyncWorker(store).run_until_caught_up()
        yield store


async def comparing(store):
    (rooms,) = store._scope.catalogue.projections
    old = await lifecycle_async.register(store._scope, rooms)
    new = await lifecycle_async.new_build(store._scope, rooms)
    return _Comparing(store._scope, old, new, frozenset()), new.target.consumer


async def change(store, name, **fields):
    rows = [r for r in await store.storage.consumer_rows("") if r.name == name]
    changed = [msgspec.structs.replace(row, **fields) for row in rows]
    await store.storage.transact(lambda transaction: transaction.save_consumers("", changed))


async def test_builds_that_stand_apart_are_not_compared(store):
    found, _ = await comparing(store)
    assert await found._meeting(["12"]) is None


@pytest.mark.parametrize("fields", [{"position": 7}, {"letters": 7}])
async def test_what_was_read_while_a_build_changed_is_not_compared(store, monkeypatch, fields):
    found, consumer = await comparing(store)
    await change(store, consumer, position=1)
    assert [d.key for d in await found._meeting(["12"])] == ["12"]
    inner = store.storage.stored_documents

    async def meanwhile(*given):
        await change(store, consumer, **fields)
        return await inner(*given)

    monkeypatch.setattr(store.storage, "stored_documents", meanwhile)
    assert await found._meeting(["12"]) is None


def test_builds_of_which_something_is_unsettled_are_not_equal():
    assert Verification("rooms", 1, 2, 1, 1, 1, 0, 0, 0, 0).equal
    assert not Verification("rooms", 1, 2, 1, 1, 1, 1, 0, 0, 1).equal
