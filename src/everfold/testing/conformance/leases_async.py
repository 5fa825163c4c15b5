"""Leases: one owner at a time by the clock given, and a token that fences off whoever was the owner before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ...errors import CheckpointConflictError
from ...runtime.clock import microseconds_of
from ...storage.port_async import AsyncStorage
from ..clock import VirtualClock
from ..racing import race_async
from .checkpoints_async import moved, saved
from .read_model_domain import consumer, move

KEY = ("desk@1", 0)
OTHER = ("desk@1", 1)


def at(clock: VirtualClock) -> int:
    return microseconds_of(clock.now())


class Leases:
    async def test_a_free_consumer_is_leased_with_a_new_token(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        (row,) = await saved(storage, consumer(position=7))
        (held,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        assert (held.owner, held.token, held.position) == ("w1", row.token + 1, 7)
        assert held.lease_until == at(clock) + 10_000_000
        assert await storage.consumer_rows("") == [held]

    async def test_nobody_else_gets_it_while_it_holds(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer())
        (held,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        clock.advance(seconds=9)
        assert await storage.lease("", "w2", [KEY], seconds=10, now=at(clock)) == []
        assert await storage.consumer_rows("") == [held]

    async def test_its_owner_renews_it_under_the_same_token(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer())
        (held,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        clock.advance(seconds=9)
        (renewed,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        assert (renewed.token, renewed.lease_until) == (held.token, held.lease_until + 9_000_000)
        clock.advance(seconds=9)
        assert await storage.lease("", "w2", [KEY], seconds=10, now=at(clock)) == []

    async def test_once_expired_another_takes_it_and_the_first_moves_no_more(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer())
        (first,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        clock.advance(seconds=11)
        (second,) = await storage.lease("", "w2", [KEY], seconds=10, now=at(clock))
        assert (second.owner, second.token) == ("w2", first.token + 1)
        with pytest.raises(CheckpointConflictError):
            await moved(storage, move(first, 5))
        (after,) = await moved(storage, move(second, 5))
        assert after.position == 5
        assert await storage.lease("", "w1", [KEY], seconds=10, now=at(clock)) == []

    async def test_an_expired_lease_that_nobody_took_still_moves_and_renews(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer())
        (held,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        clock.advance(days=1)
        (after,) = await moved(storage, move(held, 5), now=at(clock))
        (renewed,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        assert (after.position, renewed.token) == (5, held.token)

    async def test_a_move_that_renews_keeps_others_away(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer())
        (held,) = await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        clock.advance(seconds=9)
        await moved(storage, move(held, 5, renew_seconds=10), now=at(clock))
        clock.advance(seconds=9)
        assert await storage.lease("", "w2", [KEY], seconds=10, now=at(clock)) == []
        clock.advance(seconds=2)
        assert len(await storage.lease("", "w2", [KEY], seconds=10, now=at(clock))) == 1

    async def test_released_it_is_free_at_once_and_the_token_grows(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer(), consumer(partition=1))
        held = await storage.lease("", "w1", [KEY, OTHER], seconds=10, now=at(clock))
        assert {row.key for row in held} == {KEY, OTHER}
        await storage.release("", "w1")
        assert [(row.owner, row.token) for row in await storage.consumer_rows("")] == [(None, 1), (None, 1)]
        (taken,) = await storage.lease("", "w2", [KEY], seconds=10, now=at(clock))
        assert taken.token == 2
        await storage.release("", "w1")
        assert [row.owner for row in await storage.consumer_rows("")] == ["w2", None]

    async def test_of_several_keys_those_that_are_free_are_given(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, *(consumer(f"{name}@1") for name in "abc"))
        await storage.lease("", "w2", [("b@1", 0)], seconds=10, now=at(clock))
        keys = [("c@1", 0), ("b@1", 0), ("a@1", 0), ("gone@1", 0), ("a@1", 7)]
        held = await storage.lease("", "w1", keys, seconds=10, now=at(clock))
        assert {row.key for row in held} == {("a@1", 0), ("c@1", 0)}
        assert await storage.lease("", "w1", [], seconds=10) == []

    async def test_a_clock_that_goes_back_gives_no_lease_to_two(self, storage: AsyncStorage) -> None:
        clock = VirtualClock()
        await saved(storage, consumer())
        await storage.lease("", "w1", [KEY], seconds=10, now=at(clock))
        clock.advance(timedelta(days=-3))
        assert await storage.lease("", "w2", [KEY], seconds=10, now=at(clock)) == []

    async def test_without_a_time_the_storages_own_clock_counts(self, storage: AsyncStorage) -> None:
        await saved(storage, consumer())
        (held,) = await storage.lease("", "w1", [KEY], seconds=3600)
        assert await storage.lease("", "w2", [KEY], seconds=3600) == []
        assert held.lease_until > 1_600_000_000_000_000

    async def test_of_many_that_ask_at_once_one_gets_it(self, storage: AsyncStorage) -> None:
        await saved(storage, consumer())

        def racer(number: int) -> Any:
            async def run() -> Any:
                return await storage.lease("", f"w{number}", [KEY], seconds=60)

            return run

        outcomes = await race_async([racer(number) for number in range(8)])
        assert sorted(len(rows) for rows in outcomes) == [0] * 7 + [1]
        assert [row.token for row in await storage.consumer_rows("")] == [1]
