"""What a transaction does first: a gate before the look at the builds behind it, a checkpoint's move before what it fences.

In memory nobody stands between two verbs of a transaction; on a server others do, and there the order is the guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import everfold as ef
from everfold.projections import lifecycle_async
from everfold.projections.inline_async import inline_of
from everfold.projections.inline_handover_async import hand_over_due
from everfold.testing.conformance.read_model_domain import unit_of


@dataclass(frozen=True)
class Stayed:
    room: str


class Watched:
    """A storage, or a transaction, that notes which verbs are called."""

    def __init__(self, inner, verbs):
        self._inner, self._verbs = inner, verbs

    def __getattr__(self, name):
        if name != "transact":
            self._verbs.append(name)
            return getattr(self._inner, name)

        async def transact(work):
            self._verbs.append(name)
            return await self._inner.transact(lambda transaction: work(Watched(transaction, self._verbs)))

        return transact


def module_of(timing=ef.CATCH_UP, version=1):
    hotel = ef.Module("hotel")
    hotel.event("stayed")(Stayed)
    rooms = ef.DocumentProjection("rooms", timing=timing, version=version, key=lambda event: event.room)

    @rooms.on(Stayed)
    def _(document, event):
        return {"stays": (document or {"stays": 0})["stays"] + 1}

    hotel.add(rooms)
    return hotel, rooms


def watched(store):
    """The store's scope on a watched storage, and the verbs of its transactions."""
    verbs = []
    return replace(store._scope, storage=Watched(store._scope.storage, verbs)), verbs


def inside(verbs):
    """The verbs of the last transaction."""
    return verbs[len(verbs) - verbs[::-1].index("transact") :]


async def opened(timing=ef.CATCH_UP):
    hotel, rooms = module_of(timing)
    store = await ef.AsyncEventStore.open("memory://", hotel)
    await store.append("stay-1", [Stayed("12")], expected_version=ef.ANY)
    return store, rooms


async def test_a_batch_moves_its_checkpoint_before_it_writes():
    store, _ = await opened()
    async with store:
        scope, verbs = watched(store)
        await ef.AsyncWorker(type(store)(scope)).run_until_caught_up()
    changes = [number for number, verb in enumerate(verbs) if verb == "save_documents"]
    assert [verbs[number - 1] for number in changes] == ["move"]


async def test_an_append_with_inline_projections_enters_the_gate_before_it_looks_at_the_builds():
    store, _ = await opened(ef.INLINE)
    async with store:
        scope, verbs = watched(store)
        inline = await inline_of(scope)
        await inline.commit(unit_of("fed-1"), None)
    assert inside(verbs)[:3] == ["gate", "build_rows", "commit"]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (lifecycle_async.promote, ef.PromotionRefusedError),
        (lifecycle_async.rollback, ef.PromotionRefusedError),
        (lifecycle_async.retire, ef.ProjectionError),
    ],
)
async def test_a_switch_closes_the_gate_before_it_looks_at_the_builds(step, error):
    store, _ = await opened()
    async with store:
        scope, verbs = watched(store)
        with pytest.raises(error):
            await step(scope, "rooms")
    assert inside(verbs)[:2] == ["gate", "builds"]


async def test_a_rebuild_in_place_closes_the_gate_before_it_looks_at_the_consumers():
    store, rooms = await opened()
    async with store:
        row = await lifecycle_async.register(store._scope, rooms)
        scope, verbs = watched(store)
        await lifecycle_async.clear(scope, rooms, row)
    assert inside(verbs)[:2] == ["gate", "consumers"]


@pytest.mark.parametrize(("before", "after"), [(ef.CATCH_UP, ef.INLINE), (ef.INLINE, ef.CATCH_UP)])
async def test_a_handover_closes_the_gate_before_it_looks_at_the_builds(before, after):
    hotel, _ = module_of(before)
    async with await ef.AsyncEventStore.open("memory://", hotel) as store:
        await ef.AsyncWorker(store).run_until_caught_up()
        scope, verbs = watched(store)
        (projection,) = scope.catalogue.projections
        projection.timing = after
        assert await hand_over_due(scope)
    assert inside(verbs)[:2] == ["gate", "builds"]
