"""Dead letters as the storage keeps them: in the order of a lane, once each, until somebody settles them."""

from __future__ import annotations

from typing import Any

import pytest

from ...storage.control import Letter, LetterRow
from ...storage.port_async import AsyncStorage, AsyncTransaction
from .read_model_domain import letter


async def parked(storage: AsyncStorage, *letters: Letter, tenant: str = "", now: int | None = None) -> list[LetterRow]:
    """All letters of the tenant, once these are parked."""

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.park(tenant, letters, now=now)

    await storage.transact(work)
    return await listed(storage, tenant)


async def listed(storage: AsyncStorage, tenant: str = "", **which: Any) -> list[LetterRow]:
    given = {"consumer": None, "state": None, "after": 0, "limit": 1000} | which
    return await storage.letter_rows(tenant, **given)


async def settled(storage: AsyncStorage, ids: list[int], state: str = "done", tenant: str = "", **given: Any) -> None:
    named = {"actor": None, "reason": None} | given

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.settle(tenant, ids, state, **named)

    await storage.transact(work)


class DeadLetters:
    async def test_a_letter_comes_back_as_it_was_parked(self, storage: AsyncStorage) -> None:
        one = Letter(
            consumer="desk@1",
            partition=3,
            lane="guest 'é' \U0001f6ab",
            position=2**62,
            event_id=bytes(range(16)),
            event_type="checked_in",
            stream=None,
            error='{"type":"ValueError","message":"é"}'.encode(),
            attempts=5,
        )
        (row,) = await parked(storage, one, now=1_800_000_000_000_001)
        assert row == LetterRow(row.id, one, "parked", 1_800_000_000_000_001)
        assert row.id > 0

    async def test_letters_of_a_lane_stand_in_the_order_in_which_they_were_parked(self, storage: AsyncStorage) -> None:
        await parked(storage, letter(5, "b"), letter(9, "a"), letter(10, "a"))
        await parked(storage, letter(11, "a"), letter(3, "c"), letter(12, "b"))

        async def work(transaction: AsyncTransaction) -> Any:
            lanes = ["a", "b", None]
            return [await transaction.letters("", "desk@1", lane=lane, limit=100) for lane in lanes]

        found = await storage.transact(work)
        assert [[row.letter.position for row in rows] for rows in found] == [
            [9, 10, 11],
            [5, 12],
            [5, 9, 10, 11, 3, 12],
        ]
        assert all([row.id for row in rows] == sorted(row.id for row in rows) for rows in found)

    async def test_many_parked_at_once_keep_their_order(self, storage: AsyncStorage) -> None:
        order = [(n * 7919) % 500 for n in range(500)]
        rows = await parked(storage, *(letter(position, "a") for position in order))
        assert [row.letter.position for row in rows] == order

    async def test_one_that_is_parked_already_stays_as_it_is(self, storage: AsyncStorage) -> None:
        first = await parked(storage, letter(5, "a", error=b'{"message":"first"}', attempts=3), now=1)
        again = await parked(
            storage, letter(5, "a", error=b'{"message":"again"}'), letter(6, "a"), letter(6, "a"), now=2
        )
        assert again[0] == first[0]
        assert [row.letter.position for row in again] == [5, 6]

    async def test_the_same_event_is_parked_for_each_consumer_and_lane(self, storage: AsyncStorage) -> None:
        rows = await parked(storage, letter(5, "a"), letter(5, "b"), letter(5, "a", consumer="other@1"))
        assert len(rows) == 3

    async def test_a_settled_letter_says_by_whom_and_why(self, storage: AsyncStorage) -> None:
        rows = await parked(storage, *(letter(n, "a") for n in (1, 2, 3)), now=1)
        await settled(storage, [rows[0].id], "skipped", actor="ada", reason="a test guest", now=7)
        await settled(storage, [rows[1].id], "done", now=8)
        after = await listed(storage)
        assert after[0] == LetterRow(rows[0].id, rows[0].letter, "skipped", 1, 7, "ada", "a test guest")
        assert after[1] == LetterRow(rows[1].id, rows[1].letter, "done", 1, 8)
        assert after[2] == rows[2]

        async def work(transaction: AsyncTransaction) -> Any:
            return await transaction.letters("", "desk@1", lane="a", limit=9)

        assert await storage.transact(work) == [rows[2]]

    async def test_what_is_settled_is_not_settled_again(self, storage: AsyncStorage) -> None:
        rows = await parked(storage, letter(1))
        await settled(storage, [rows[0].id], "skipped", actor="ada", reason="first", now=7)
        await settled(storage, [rows[0].id, 10**9], "done", actor="bob", reason="second", now=8)
        (row,) = await listed(storage)
        assert (row.state, row.actor, row.reason, row.settled_at) == ("skipped", "ada", "first", 7)

    @pytest.mark.parametrize("state", ["done", "skipped"])
    async def test_what_was_settled_may_be_parked_anew(self, storage: AsyncStorage, state: str) -> None:
        rows = await parked(storage, letter(1))
        await settled(storage, [rows[0].id], state)
        again = await parked(storage, letter(1))
        assert [row.state for row in again] == [state, "parked"]

    async def test_listing_narrows_and_pages(self, storage: AsyncStorage) -> None:
        rows = await parked(storage, *(letter(n, consumer=f"c{n % 2}@1") for n in range(10)))
        await settled(storage, [rows[0].id, rows[1].id])
        assert await listed(storage, consumer="c1@1", state="parked") == [rows[n] for n in (3, 5, 7, 9)]
        assert [row.id for row in await listed(storage, state="done")] == [rows[0].id, rows[1].id]
        assert await listed(storage, after=rows[6].id) == rows[7:]
        assert [row.id for row in await listed(storage, limit=3)] == [row.id for row in rows[:3]]
        assert await listed(storage, consumer="gone@1") == []

    async def test_no_more_than_asked_for_are_read_in_a_transaction(self, storage: AsyncStorage) -> None:
        rows = await parked(storage, *(letter(n, "a") for n in range(5)))

        async def work(transaction: AsyncTransaction) -> Any:
            return await transaction.letters("", "desk@1", lane="a", limit=2)

        assert await storage.transact(work) == rows[:2]

    async def test_tenants_have_letters_of_their_own(self, storage: AsyncStorage) -> None:
        (left,) = await parked(storage, letter(1), tenant="left")
        (right,) = await parked(storage, letter(1), tenant="right")
        await settled(storage, [left.id], tenant="right" if left.id != right.id else "other")
        assert [row.state for row in await listed(storage, "left")] == ["parked"]
        await settled(storage, [left.id], tenant="left")
        assert [row.state for row in await listed(storage, "right")] == ["parked"]
