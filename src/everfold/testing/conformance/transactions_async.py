"""A transaction of the port: all that was done through it is kept, units included, or nothing of it is."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ...errors import CheckpointConflictError
from ...events.query import Query
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.unit import StreamMark, Unit
from ..crash import Crash
from ..racing import race_async, successes
from .read_model_domain import DESK, GUESTS, build, consumer, document, letter, move, unit_of

ROW = consumer()


class BrokenOffError(Exception):
    """What an application's own code raises."""


async def prepared(storage: AsyncStorage) -> None:
    """A consumer at position 1 and one document."""

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.create_target(DESK, GUESTS)
        await transaction.commit(unit_of("stay-1"))
        await transaction.save_consumers("", [ROW])
        await transaction.save_build("", build(state="registered"))
        await transaction.save_documents("", DESK, {"a": document(room=1), "z": document(room=26)}, [])
        await transaction.park("", [letter(1)])

    await storage.transact(work)


async def everything_at_once(transaction: AsyncTransaction) -> None:
    """One of each verb that changes something."""
    await transaction.move("", [move(ROW, 1, events=1)])
    await transaction.commit(unit_of("stay-1", 2))
    await transaction.commit(unit_of("stay-2", 2))
    await transaction.commit(Unit("", marks=(StreamMark("stay-1", truncate_before=2),)))
    await transaction.commit(unit_of("audit-1", tenant="$"))
    await transaction.save_consumers("", [consumer("other@1")])
    await transaction.save_build("", build(state="active"))
    await transaction.save_documents("", DESK, {"a": document(room=2), "b": document(room=3)}, ["z"])
    await transaction.park("", [letter(2), letter(3)])
    parked = await transaction.letters("", "desk@1", lane="stay-1", limit=1)
    await transaction.settle("", [parked[0].id], "done", actor=None, reason=None)


async def state_of(storage: AsyncStorage) -> dict[str, Any]:
    """All that the store shows, without times."""
    letters = await storage.letter_rows("", consumer=None, state=None, after=0, limit=100)
    return {
        "streams": [(r.name, r.version, r.truncated_before) for r in await rows_of_streams(storage)],
        "log": [row[0] for row in (await page(storage, "")).rows] + [row[0] for row in (await page(storage, "$")).rows],
        "consumers": [(r.name, r.position, r.events, r.letters) for r in await storage.consumer_rows("")],
        "builds": [(r.target, r.state) for r in await storage.build_rows("")],
        "documents": (await storage.stored_documents("", DESK, ["a", "b", "z"])).documents,
        "letters": [(r.letter.position, r.state) for r in letters],
    }


async def rows_of_streams(storage: AsyncStorage) -> list[Any]:
    return await storage.stream_rows("", category=None, after="", limit=100)


async def page(storage: AsyncStorage, tenant: str) -> Any:
    return await storage.read_all(tenant, after=0, before=None, query=Query(), backwards=False, limit=100)


class Transactions:
    async def test_its_work_gives_its_result(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> str:
            await transaction.save_consumers("", [ROW])
            return "done"

        assert await storage.transact(work) == "done"

    async def test_all_of_it_is_kept(self, storage: AsyncStorage) -> None:
        await prepared(storage)
        await storage.transact(everything_at_once)
        state = await state_of(storage)
        assert state["streams"] == [("stay-1", 3, 2), ("stay-2", 2, 1)]
        assert (len(state["log"]), len(set(state["log"]))) == (6, 6)
        assert state["consumers"] == [("desk@1", 1, 1, 0), ("other@1", 0, 0, 0)]
        assert state["builds"] == [(DESK, "active")]
        assert state["documents"] == {"a": document(room=2), "b": document(room=3)}
        assert state["letters"] == [(1, "done"), (2, "parked"), (3, "parked")]

    @pytest.mark.parametrize("error", [BrokenOffError, Crash])
    async def test_whatever_its_work_raises_nothing_of_it_is_kept(
        self, storage: AsyncStorage, error: type[BaseException]
    ) -> None:
        await prepared(storage)
        before = await state_of(storage)

        async def work(transaction: AsyncTransaction) -> None:
            await everything_at_once(transaction)
            raise error

        with pytest.raises(error):
            await storage.transact(work)
        assert await state_of(storage) == before
        await storage.transact(everything_at_once)
        assert (await state_of(storage))["streams"] == [("stay-1", 3, 2), ("stay-2", 2, 1)]

    async def test_its_verbs_see_what_the_ones_before_them_did(self, storage: AsyncStorage) -> None:
        await prepared(storage)
        seen: list[Any] = []

        async def work(transaction: AsyncTransaction) -> None:
            await everything_at_once(transaction)
            seen.append([row.name for row in await transaction.consumers("", ["desk@1", "other@1"])])
            seen.append(await transaction.documents("", DESK, ["a", "z"]))
            seen.append([row.state for row in await transaction.builds("", ["desk"])])
            seen.append([row.letter.position for row in await transaction.letters("", "desk@1", lane=None, limit=9)])
            seen.append(await transaction.lock_stream("", "stay-1"))

        await storage.transact(work)
        assert seen == [["desk@1", "other@1"], {"a": document(room=2)}, ["active"], [2, 3], 3]

    async def test_a_unit_that_is_refused_takes_the_transaction_with_it(self, storage: AsyncStorage) -> None:
        await prepared(storage)
        before = await state_of(storage)

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.move("", [move(ROW, 1)])
            await transaction.commit(unit_of("stay-1", expected=9))

        with pytest.raises(ef.WrongExpectedVersionError):
            await storage.transact(work)
        assert await state_of(storage) == before

    async def test_a_verb_that_failed_fails_the_transaction_though_its_error_is_swallowed(
        self, storage: AsyncStorage
    ) -> None:
        await prepared(storage)
        before = await state_of(storage)

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.save_documents("", DESK, {"a": document(room=9)}, [])
            with pytest.raises(CheckpointConflictError):
                await transaction.move("", [move(ROW, 1, token=7)])

        with pytest.raises(CheckpointConflictError):
            await storage.transact(work)
        assert await state_of(storage) == before

    async def test_a_unit_sent_again_gives_its_first_result(self, storage: AsyncStorage) -> None:
        unit = unit_of("stay-1", 2, expected=0)

        async def work(transaction: AsyncTransaction) -> Any:
            return await transaction.commit(unit)

        first = await storage.transact(work)
        again = await storage.transact(work)
        assert (first.repeated, again.repeated) == (False, True)
        assert [list(one.positions) for one in again.appends] == [list(one.positions) for one in first.appends]
        assert (await storage.commit(unit)).repeated
        assert len((await page(storage, "")).rows) == 2

    async def test_events_of_one_that_failed_may_be_sent_again(self, storage: AsyncStorage) -> None:
        unit = unit_of("stay-1", 2, expected=0)

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.commit(unit)
            raise BrokenOffError

        with pytest.raises(BrokenOffError):
            await storage.transact(work)
        assert not (await storage.commit(unit)).repeated
        assert [row[5] for row in (await page(storage, "")).rows] == [event.id for event in unit.appends[0].events]

    async def test_several_units_have_positions_in_their_order(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> list[int]:
            results = [await transaction.commit(unit_of(f"stay-{n}", 3)) for n in range(3)]
            return [position for result in results for position in result.appends[0].positions]

        positions = await storage.transact(work)
        assert positions == sorted(positions) == [row[0] for row in (await page(storage, "")).rows]

    async def test_what_it_appended_wakes_who_waits(self, storage: AsyncStorage) -> None:
        hint = storage.hint()

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.commit(unit_of("stay-1"))

        await storage.transact(work)
        assert await storage.wait(hint, 10.0)

    async def test_it_is_of_no_use_once_it_has_ended(self, storage: AsyncStorage) -> None:
        kept: list[AsyncTransaction] = []

        async def work(transaction: AsyncTransaction) -> None:
            kept.append(transaction)

        await storage.transact(work)
        with pytest.raises(ef.EverfoldError):
            await kept[0].save_consumers("", [ROW])
        assert await storage.consumer_rows("") == []

    async def test_appends_beside_transactions_number_a_stream_without_holes(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.commit(unit_of("stay-1"))

        def racer(number: int) -> Any:
            async def inside() -> None:
                await storage.transact(work)

            async def alone() -> None:
                await storage.commit(unit_of("stay-1"))

            return inside if number % 2 else alone

        assert len(successes(await race_async([racer(number) for number in range(12)]))) == 12
        assert [row[2] for row in (await page(storage, "")).rows] == list(range(1, 13))

    async def test_closing_the_store_refuses_the_next_one(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.save_consumers("", [ROW])

        await storage.close()
        with pytest.raises(ef.StoreClosedError):
            await storage.transact(work)
