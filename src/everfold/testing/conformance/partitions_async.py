"""Parts of the log by stream, the ids of events, and the store's own identity: what a consumer's checkpoint rests on."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ...events.query import Query
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Target
from ...storage.unit import StreamAppend, Unit
from ..racing import race_async, successes
from .backend_async import AsyncBackend
from .needs import needs
from .read_model_domain import build, encoded, unit_of


async def filled(storage: AsyncStorage, tenant: str = "") -> None:
    """Thirty streams in turns, and events in no stream between them."""
    for turn in range(3):
        appends = [StreamAppend(f"stay-{n}", -1, (encoded(turn=turn),)) for n in range(30)]
        appends.insert(10 * turn, StreamAppend(None, -1, (encoded("loose"),)))
        await storage.commit(Unit(tenant, tuple(appends)))


async def part(storage: AsyncStorage, partition: tuple[int, int], tenant: str = "", **given: Any) -> list[Any]:
    """(stream, version, position) of a part of the log, read in pages of 7."""
    named: dict[str, Any] = {"query": Query(), "backwards": False} | given
    rows: list[Any] = []
    after, before = 0, None
    while True:
        page = await storage.read_all(tenant, after=after, before=before, limit=7, partition=partition, **named)
        names = page.names or {}
        rows += [(names.get(row[1], row[1]), row[2], row[0]) for row in page.rows]
        if not page.more:
            return rows
        after, before = (0, page.position) if named["backwards"] else (page.position, None)


class Partitions:
    @pytest.mark.parametrize("parts", [1, 2, 3, 7, 64])
    async def test_the_parts_hold_every_stream_exactly_once(self, storage: AsyncStorage, parts: int) -> None:
        await filled(storage)
        whole = await part(storage, (0, 1))
        assert len(whole) == 93
        pieces = [await part(storage, (number, parts)) for number in range(parts)]
        assert sorted((row for piece in pieces for row in piece), key=lambda row: row[2]) == whole
        owners = [{row[0] for row in piece if row[0] is not None} for piece in pieces]
        assert sum(len(streams) for streams in owners) == len(set().union(*owners)) == 30
        assert all(piece == sorted(piece, key=lambda row: row[2]) for piece in pieces)

    async def test_what_is_in_no_stream_is_in_the_first_part(self, storage: AsyncStorage) -> None:
        await filled(storage)
        pieces = [await part(storage, (number, 4)) for number in range(4)]
        assert [sum(row[0] is None for row in piece) for piece in pieces] == [3, 0, 0, 0]

    async def test_streams_are_spread_over_the_parts(self, storage: AsyncStorage) -> None:
        await filled(storage)
        pieces = [{row[0] for row in await part(storage, (number, 3))} - {None} for number in range(3)]
        assert all(len(streams) >= 2 for streams in pieces)

    async def test_a_stream_stays_in_its_part(self, storage: AsyncStorage) -> None:
        await filled(storage)
        before = [{row[0] for row in await part(storage, (number, 3))} for number in range(3)]
        await filled(storage)
        assert [{row[0] for row in await part(storage, (number, 3))} for number in range(3)] == before

    async def test_a_part_is_filtered_and_read_backwards_like_the_whole(self, storage: AsyncStorage) -> None:
        await filled(storage)
        there = await part(storage, (1, 3))
        assert await part(storage, (1, 3), backwards=True) == there[::-1]
        assert await part(storage, (1, 3), query=Query(types=["loose"])) == []
        assert len(await part(storage, (0, 3), query=Query(types=["loose"]))) == 3
        assert await part(storage, (1, 3), query=Query(types=["noted"])) == there

    async def test_an_empty_part_still_says_where_to_go_on(self, storage: AsyncStorage) -> None:
        await storage.commit(unit_of("stay-1", 5))
        pages = [
            await storage.read_all(
                "", after=0, before=None, query=Query(), backwards=False, limit=7, partition=(number, 64)
            )
            for number in range(64)
        ]
        head = await storage.head("")
        assert sorted(len(page.rows) for page in pages) == [0] * 63 + [5]
        assert {page.position for page in pages} == {head}
        assert not any(page.more for page in pages)

    async def test_tenants_are_parted_each_by_itself(self, storage: AsyncStorage) -> None:
        await filled(storage, "left")
        await storage.commit(unit_of("stay-1", tenant="right"))
        left = [row for number in range(4) for row in await part(storage, (number, 4), "left")]
        right = [row for number in range(4) for row in await part(storage, (number, 4), "right")]
        assert (len(left), [row[:2] for row in right]) == (93, [("stay-1", 1)])


class Identity:
    async def test_a_stores_identity_has_sixteen_bytes_and_stays(self, backend: AsyncBackend) -> None:
        storage = (await backend.open()).storage
        identity = await storage.identity()
        assert (len(identity), type(identity)) == (16, bytes)
        await storage.commit(unit_of("stay-1"))
        assert await storage.identity() == identity == await (await backend.open()).storage.identity()

    @needs("durable")
    async def test_it_is_the_same_when_the_store_is_opened_again(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        identity = await store.storage.identity()
        await store.close()
        assert await (await backend.open()).storage.identity() == identity

    async def test_another_store_has_another_one(self, storage: AsyncStorage) -> None:
        async with ef.AsyncEventStore.open("memory://") as other:
            assert await other.storage.identity() != await storage.identity()

    async def test_the_id_of_an_event_is_found_by_its_position(self, storage: AsyncStorage) -> None:
        unit = unit_of("stay-1", 3)
        positions = (await storage.commit(unit)).appends[0].positions
        found = [await storage.event_id("", position) for position in positions]
        assert found == [event.id for event in unit.appends[0].events]
        assert {type(one) for one in found} == {bytes}

    async def test_a_position_without_an_event_of_the_tenant_has_none(self, storage: AsyncStorage) -> None:
        (position,) = (await storage.commit(unit_of("stay-1", tenant="other"))).appends[0].positions
        asked = [("", position), ("other", position + 1), ("other", 0), ("", 2**62)]
        assert [await storage.event_id(tenant, at) for tenant, at in asked] == [None] * 4


class StreamLocks:
    async def test_a_locked_stream_gives_its_version(self, storage: AsyncStorage) -> None:
        await storage.commit(unit_of("stay-1", 3))
        await storage.commit(unit_of("stay-2", 1, tenant="other"))

        async def work(transaction: AsyncTransaction) -> Any:
            before = [await transaction.lock_stream("", name) for name in ("stay-1", "stay-2", "gone-1")]
            await transaction.commit(unit_of("stay-1", 2, expected=3))
            return [
                *before,
                await transaction.lock_stream("", "stay-1"),
                await transaction.lock_stream("other", "stay-2"),
            ]

        assert await storage.transact(work) == [3, 0, 0, 5, 1]

    async def test_who_locked_it_appends_at_the_version_it_saw(self, storage: AsyncStorage) -> None:
        await storage.commit(unit_of("stay-1"))

        async def work(transaction: AsyncTransaction) -> None:
            version = await transaction.lock_stream("", "stay-1")
            await transaction.commit(unit_of("stay-1", expected=version))

        async def locking() -> None:
            await storage.transact(work)

        async def plain() -> None:
            await storage.commit(unit_of("stay-1"))

        assert len(successes(await race_async([locking, plain] * 6))) == 12
        row = await storage.stream_row("", "stay-1")
        assert row is not None
        assert row.version == 13

    async def test_the_gate_is_entered_by_many_and_by_one_alone(self, storage: AsyncStorage) -> None:
        order: list[str] = []

        def racer(number: int) -> Any:
            async def work(transaction: AsyncTransaction) -> None:
                await transaction.gate("", ["desk", "audit"], exclusive=number % 4 == 0)
                order.append(f"in {number}")
                await transaction.commit(unit_of(f"stay-{number}"))
                await transaction.save_build("", builds[number])
                order.append(f"out {number}")

            async def run() -> None:
                await storage.transact(work)

            return run

        builds = {number: build(Target("desk", number + 1), "registered") for number in range(8)}
        assert len(successes(await race_async([racer(number) for number in range(8)]))) == 8
        for number in (0, 4):
            place = order.index(f"in {number}")
            assert order[place + 1] == f"out {number}", order
            inside = order[:place]
            assert all(f"out {one.split()[1]}" in inside for one in inside if one.startswith("in"))
