"""Tenants on one database: the same names, and nothing shared."""

from __future__ import annotations

import pytest

import everfold as ef

from .backend_async import AsyncBackend
from .domain import Add, Counted, Noted, Tally, add_up, decide_add, notes, tally, texts
from .reading_async import caught_up, log_of, stop, stream_of

ROOM = ef.Query(tags=["room:1"])


async def two(backend: AsyncBackend) -> tuple[ef.AsyncEventStore, ef.AsyncEventStore]:
    return await backend.open(tenant="north"), await backend.open(tenant="south")


class Tenancy:
    async def test_one_stream_name_is_two_streams(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 29."""
        north, south = await two(backend)
        await north.append("stay-1", notes(3, "north "), expected_version=0)
        await south.append("stay-1", notes(1, "south "), expected_version=0)
        assert texts(await stream_of(north, "stay-1")) == ["north 1", "north 2", "north 3"]
        assert texts(await stream_of(south, "stay-1")) == ["south 1"]

    async def test_a_log_shows_its_own_events_only(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 29."""
        north, south = await two(backend)
        for number in range(6):
            await (north, south)[number % 2].append(f"stay-{number}", [Noted(str(number))], expected_version=0)
        assert texts(await log_of(north)) == ["0", "2", "4"]
        assert texts(await log_of(south, backwards=True)) == ["5", "3", "1"]
        assert {e.tenant for e in await log_of(north)} == {"north"}

    async def test_the_unnamed_tenant_is_one_of_them(self, backend: AsyncBackend) -> None:
        unnamed, north = await backend.open(), await backend.open(tenant="north")
        await unnamed.append("stay-1", [Noted("unnamed")], expected_version=0)
        assert await log_of(north) == []
        await north.append("stay-1", [Noted("north")], expected_version=0)
        assert texts(await log_of(unnamed)) == ["unnamed"]

    async def test_the_head_is_the_tenants_own(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        result = await north.append("stay-1", notes(2), expected_version=0)
        assert (await north.head(), await south.head()) == (result.position, 0)

    async def test_streams_and_types_are_the_tenants_own(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        await north.append("stay-1", [Noted()], expected_version=0)
        await south.append("tally-1", [Counted()], expected_version=0)
        assert [s.name for s in await north.streams()] == ["stay-1"]
        assert [t.type for t in await south.types()] == ["counted"]
        assert await south.stream("stay-1") is None

    async def test_one_event_id_may_be_used_by_each(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        sent = notes(2)
        first = await north.append("stay-1", sent, expected_version=0)
        second = await south.append("stay-1", sent, expected_version=0)
        assert (second.repeated, second.version) == (False, 2)
        assert second.position != first.position
        assert (await south.append("stay-1", sent, expected_version=0)).position == second.position

    async def test_a_condition_sees_its_own_tenant_only(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        tagged = [ef.NewEvent(Noted(), tags=["room:1"])]
        await north.append("stay-1", tagged, expected_version=0)
        await south.append_if([ef.NewEvent(Noted(), tags=["room:1"])], ef.AppendCondition(ROOM))
        with pytest.raises(ef.AppendConditionFailedError):
            await south.append_if([Noted()], ef.AppendCondition(ROOM))

    async def test_a_boundary_folds_its_own_tenant_only(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        await north.append("tally-1", [ef.NewEvent(Counted(5), tags=["room:1"])], expected_version=0)
        assert (await south.decide_over(ROOM, tally, Add(1), tags=["room:1"])).state.total == 1

    async def test_snapshots_are_the_tenants_own(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        kept = ef.Decider(initial_state=Tally, evolve=add_up, decide=decide_add, snapshots=ef.Snapshots(every=1))
        await north.decide("tally-1", kept, Add(5))
        assert (await south.load("tally-1", kept)).version == 0
        assert (await south.decide("tally-1", kept, Add(1))).state.total == 1
        assert (await north.load("tally-1", kept)).state.total == 5

    async def test_a_cache_that_two_tenants_share_keeps_them_apart(self, backend: AsyncBackend) -> None:
        cache = ef.StateCache()
        north = await backend.open(tenant="north", cache=cache)
        south = await backend.open(tenant="south", cache=cache)
        await north.decide("tally-1", tally, Add(5))
        assert (await south.decide("tally-1", tally, Add(1))).state.total == 1

    async def test_a_tombstone_ends_the_tenants_own_stream(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        await north.append("stay-1", [Noted()], expected_version=0)
        await south.append("stay-1", [Noted()], expected_version=0)
        await north.tombstone("stay-1")
        assert (await south.append("stay-1", [Noted()], expected_version=1)).version == 2

    async def test_a_truncation_cuts_the_tenants_own_stream(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        for store in (north, south):
            await store.append("stay-1", notes(3), expected_version=0)
        await north.truncate("stay-1", before_version=3)
        assert (len(await stream_of(north, "stay-1")), len(await stream_of(south, "stay-1"))) == (1, 3)

    async def test_a_subscription_gives_its_own_tenants_events_only(self, backend: AsyncBackend) -> None:
        north, south = await two(backend)
        subscription = north.subscribe()
        await south.append("stay-1", notes(3), expected_version=0)
        await north.append("stay-1", [Noted("north")], expected_version=0)
        assert texts((await caught_up(subscription))[0]) == ["north"]
        await stop(subscription)

    @pytest.mark.parametrize("tenant", ["'; drop table event; --", "ä😀", "x" * 100, "a b", "%", "\\"], ids=repr)
    async def test_a_tenant_of_any_characters_is_one(self, backend: AsyncBackend, tenant: str) -> None:
        store = await backend.open(tenant=tenant)
        await store.append("stay-1", [Noted()], expected_version=0)
        assert [e.tenant for e in await log_of(store)] == [tenant]

    @pytest.mark.parametrize("tenant", ["a\0b", "\ud800", "x" * 101], ids=repr)
    async def test_a_tenant_that_cannot_be_stored_is_refused(self, backend: AsyncBackend, tenant: str) -> None:
        with pytest.raises((ef.InvalidNameError, ef.LimitExceededError)):
            await backend.open(tenant=tenant)
