"""Checkpoints: they move by compare-and-set, so whoever is no longer the owner changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ...errors import CheckpointConflictError
from ...storage.control import ConsumerRow, Move
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ..racing import race_async, successes
from .read_model_domain import DESK, GUESTS, consumer, document, letter, move, unit_of


async def saved(storage: AsyncStorage, *rows: ConsumerRow, tenant: str = "") -> list[ConsumerRow]:
    """The rows as they are stored."""

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.save_consumers(tenant, rows)

    await storage.transact(work)
    return await storage.consumer_rows(tenant)


async def moved(storage: AsyncStorage, *moves: Move, tenant: str = "", now: int | None = None) -> list[ConsumerRow]:
    """The rows after a transaction of these moves."""

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.move(tenant, moves, now=now)

    await storage.transact(work)
    return await storage.consumer_rows(tenant)


class Consumers:
    async def test_a_row_comes_back_as_it_was_saved(self, storage: AsyncStorage) -> None:
        row = ConsumerRow(
            name="desk@1",
            partition=2,
            partitions=4,
            position=2**62,
            event_id=bytes(range(16)),
            epoch=b"another-store-id",
            token=2**40,
            owner="worker 'é' 1",
            lease_until=1_900_000_000_000_000,
            status="stopped",
            fault=b'{"type":"ValueError"}',
            letters=3,
            events=2**40,
            moved_at=1_800_000_000_000_001,
        )
        assert await saved(storage, row) == [row]

    async def test_a_row_without_an_epoch_gets_the_stores_identity(self, storage: AsyncStorage) -> None:
        identity = await storage.identity()
        rows = await saved(storage, consumer("a@1"), consumer("b@1", epoch=b"f" * 16))
        assert [row.epoch for row in rows] == [identity, b"f" * 16]

    async def test_rows_stand_by_name_and_partition(self, storage: AsyncStorage) -> None:
        keys = [("b@2", 0), ("a@1", 1), ("a@1", 0), ("b@10", 0), ("B@1", 0), ("a@1", 10)]
        rows = await saved(storage, *(consumer(name, partition=part) for name, part in keys))
        assert [row.key for row in rows] == sorted(keys)

        async def work(transaction: AsyncTransaction) -> Any:
            return [row.key for row in await transaction.consumers("", ["b@2", "a@1", "gone@1"])]

        assert await storage.transact(work) == [("a@1", 0), ("a@1", 1), ("a@1", 10), ("b@2", 0)]

    async def test_saving_replaces_the_whole_row(self, storage: AsyncStorage) -> None:
        (first,) = await saved(storage, consumer(owner="w1", token=3, fault=b"{}", event_id=b"e" * 16))
        (second,) = await saved(storage, consumer(position=9))
        assert second == consumer(position=9, epoch=first.epoch)

    async def test_deleting_takes_all_partitions_and_their_letters(self, storage: AsyncStorage) -> None:
        await saved(storage, consumer(), consumer(partition=1), consumer("other@1"))

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.park("", [letter(1), letter(1, consumer="other@1")])
            await transaction.delete_consumers("", ["desk@1", "gone@1"])

        await storage.transact(work)
        assert [row.name for row in await storage.consumer_rows("")] == ["other@1"]
        rows = await storage.letter_rows("", consumer=None, state=None, after=0, limit=9)
        assert [row.letter.consumer for row in rows] == ["other@1"]

    async def test_tenants_have_consumers_of_their_own(self, storage: AsyncStorage) -> None:
        await saved(storage, consumer(position=1), tenant="left")
        await saved(storage, consumer(position=2), tenant="right")
        (left,) = await moved(storage, move(consumer(position=1), 5), tenant="left")
        assert left.position == 5
        assert [row.position for row in await storage.consumer_rows("right")] == [2]
        with pytest.raises(CheckpointConflictError):
            await moved(storage, move(consumer(position=1), 5), tenant="right")
        assert await storage.lease("", "w1", [left.key], seconds=5) == []
        await storage.lease("left", "w1", [left.key], seconds=5)
        await storage.release("right", "w1")
        assert [row.owner for row in await storage.consumer_rows("left")] == ["w1"]

        async def delete(transaction: AsyncTransaction) -> None:
            await transaction.delete_consumers("left", ["desk@1"])

        await storage.transact(delete)
        assert await storage.consumer_rows("left") == []
        assert len(await storage.consumer_rows("right")) == 1


class Moves:
    async def test_a_move_changes_the_checkpoint_and_nothing_else(self, storage: AsyncStorage) -> None:
        (row,) = await saved(storage, consumer(token=4, owner="w1", lease_until=77, events=10, letters=2))
        (after,) = await moved(storage, move(row, 30, events=5, event_id=b"i" * 16), now=1_000_000)
        expected = consumer(
            token=4,
            owner="w1",
            lease_until=77,
            events=15,
            letters=2,
            position=30,
            event_id=b"i" * 16,
            moved_at=1_000_000,
        )
        assert after == msgspec.structs.replace(expected, epoch=row.epoch)

    async def test_the_id_of_the_event_at_its_position_is_looked_up(self, storage: AsyncStorage) -> None:
        unit, elsewhere = unit_of("stay-1", 2), unit_of("stay-1", tenant="other")
        positions = (await storage.commit(unit)).appends[0].positions
        (foreign,) = (await storage.commit(elsewhere)).appends[0].positions
        (row,) = await saved(storage, consumer())
        (row,) = await moved(storage, move(row, positions[0]))
        assert row.event_id == unit.appends[0].events[0].id
        (row,) = await moved(storage, move(row, foreign))
        assert row.event_id is None
        (row,) = await moved(storage, move(row, positions[1]))
        assert row.event_id == unit.appends[0].events[1].id

    async def test_an_event_of_the_same_transaction_is_found_too(self, storage: AsyncStorage) -> None:
        (row,) = await saved(storage, consumer())
        unit = unit_of("stay-1")

        async def work(transaction: AsyncTransaction) -> None:
            (position,) = (await transaction.commit(unit)).appends[0].positions
            await transaction.move("", [move(row, position)])

        await storage.transact(work)
        assert [one.event_id for one in await storage.consumer_rows("")] == [unit.appends[0].events[0].id]

    async def test_a_move_that_parks_counts_one_more(self, storage: AsyncStorage) -> None:
        (row,) = await saved(storage, consumer(letters=1))
        (row,) = await moved(storage, move(row, 2, parked=True))
        assert row.letters == 2
        (row,) = await moved(storage, move(row, 3))
        assert (row.letters, row.position) == (2, 3)

    async def test_a_move_prolongs_the_lease_when_it_is_asked_to(self, storage: AsyncStorage) -> None:
        (row,) = await saved(storage, consumer(owner="w1", token=1, lease_until=5_000_000))
        (row,) = await moved(storage, move(row, 1, renew_seconds=10.5), now=1_000_000)
        assert (row.lease_until, row.token, row.owner) == (11_500_000, 1, "w1")

    @pytest.mark.parametrize(
        "wrong",
        [{"token": 3}, {"token": 5}, {"since": 9}, {"since": 11}, {"letters": 1}, {"letters": 3}, {"partition": 1}],
        ids=str,
    )
    async def test_a_row_that_stands_otherwise_refuses_and_nothing_of_the_transaction_is_kept(
        self, storage: AsyncStorage, wrong: dict[str, Any]
    ) -> None:
        (row,) = await saved(storage, consumer(token=4, position=10, letters=2))
        given: dict[str, Any] = {"token": 4, "since": 10, "letters": 2, "partition": 0, "position": 20} | wrong

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            await transaction.save_documents("", DESK, {"a": document()}, [])
            await transaction.commit(unit_of("stay-1"))
            await transaction.move("", [Move("desk@1", **given)])

        with pytest.raises(CheckpointConflictError) as caught:
            await storage.transact(work)
        assert caught.value.consumer == "desk@1"
        assert await storage.consumer_rows("") == [row]
        assert await storage.head("") == 0
        assert not (await storage.stored_documents("", DESK, ["a"])).documents

    @pytest.mark.parametrize("status", ["paused", "stopped"])
    async def test_a_consumer_that_does_not_run_does_not_move(self, storage: AsyncStorage, status: str) -> None:
        (row,) = await saved(storage, consumer(status=status))
        with pytest.raises(CheckpointConflictError):
            await moved(storage, move(row, 5))
        assert await storage.consumer_rows("") == [row]

    async def test_an_unknown_consumer_does_not_move(self, storage: AsyncStorage) -> None:
        with pytest.raises(CheckpointConflictError) as caught:
            await moved(storage, move(consumer("gone@1"), 5))
        assert caught.value.consumer == "gone@1"

    async def test_of_several_moves_all_are_made_or_none(self, storage: AsyncStorage) -> None:
        rows = await saved(storage, consumer("a@1"), consumer("b@1"), consumer("c@1", partition=3))
        with pytest.raises(CheckpointConflictError) as caught:
            await moved(storage, move(rows[0], 5), move(rows[1], 5, token=9), move(rows[2], 5))
        assert caught.value.consumer == "b@1"
        assert await storage.consumer_rows("") == rows
        after = await moved(storage, *(move(row, 5 + n) for n, row in enumerate(rows)))
        assert [(row.key, row.position) for row in after] == [(("a@1", 0), 5), (("b@1", 0), 6), (("c@1", 3), 7)]

    async def test_of_many_that_move_the_same_step_one_does(self, storage: AsyncStorage) -> None:
        (row,) = await saved(storage, consumer())

        def racer(number: int) -> Any:
            async def work(transaction: AsyncTransaction) -> int:
                await transaction.move("", [move(row, 10 + number)])
                await transaction.commit(unit_of("won-1"))
                return number

            async def run() -> int:
                return await storage.transact(work)

            return run

        outcomes = await race_async([racer(number) for number in range(8)])
        (winner,) = successes(outcomes)
        assert {type(one) for one in outcomes if one != winner} == {CheckpointConflictError}
        (after,) = await storage.consumer_rows("")
        assert after.position == 10 + winner
        won = await storage.stream_row("", "won-1")
        assert won is not None
        assert won.version == 1

    async def test_an_operators_hand_on_the_row_stops_the_owners_next_move(self, storage: AsyncStorage) -> None:
        (row,) = await saved(storage, consumer())

        async def pause(transaction: AsyncTransaction) -> None:
            (now,) = await transaction.consumers("", ["desk@1"])
            await transaction.save_consumers("", [consumer(letters=now.letters + 1, epoch=now.epoch)])

        await storage.transact(pause)
        with pytest.raises(CheckpointConflictError):
            await moved(storage, move(row, 5))
        assert [(one.position, one.letters) for one in await storage.consumer_rows("")] == [(0, 1)]
