"""Builds of read models: their rows, and the one that readers see."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ...storage.control import BuildRow
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Selection, Target
from ..racing import race_async, successes
from .read_model_domain import DESK, GUESTS, build, document, everything

SECOND = Target("desk", 2)
THIRD = Target("desk", 2, 2)


async def built(storage: AsyncStorage, *rows: BuildRow, tenant: str = "") -> list[BuildRow]:
    """The builds, once these are saved, in this order, in one transaction."""

    async def work(transaction: AsyncTransaction) -> None:
        for row in rows:
            await transaction.save_build(tenant, row)

    await storage.transact(work)
    return await storage.build_rows(tenant)


class Builds:
    async def test_a_row_comes_back_as_it_was_saved(self, storage: AsyncStorage) -> None:
        row = BuildRow(
            target=THIRD,
            state="verifying",
            timing="inline",
            fed="sweep",
            code="5f" * 32,
            definition='{"kind":"table","b":1,"a":"é 1.50"}'.encode(),
            head=2**62,
            epoch=2**40,
            previous=SECOND,
            verified=b'{"position":7}',
            created_at=1_800_000_000_000_001,
            changed_at=1_800_000_000_000_002,
        )
        assert await built(storage, row) == [row]
        plain = build(DESK, "registered")
        assert await built(storage, plain) == [plain, row]

    async def test_rows_stand_by_target(self, storage: AsyncStorage) -> None:
        targets = [Target("desk", 10), THIRD, Target("audit", 1), SECOND, DESK]
        rows = await built(storage, *(build(target, "standby") for target in targets))
        assert [row.target for row in rows] == sorted(targets)

        async def work(transaction: AsyncTransaction) -> Any:
            return [row.target for row in await transaction.builds("", ["desk", "gone"])]

        assert await storage.transact(work) == [DESK, SECOND, THIRD, Target("desk", 10)]

    async def test_a_second_active_build_is_refused(self, storage: AsyncStorage) -> None:
        await built(storage, build(DESK), build(Target("audit", 1)))
        with pytest.raises(ef.ConfigurationError):
            await built(storage, build(SECOND))
        assert [row.target for row in await storage.build_rows("")] == [Target("audit", 1), DESK]

    async def test_the_active_build_may_be_saved_again(self, storage: AsyncStorage) -> None:
        await built(storage, build(DESK))
        (row,) = await built(storage, build(DESK, epoch=2))
        assert (row.state, row.epoch) == ("active", 2)

    async def test_a_switch_is_one_transaction_and_so_is_the_way_back(self, storage: AsyncStorage) -> None:
        await built(storage, build(DESK), build(SECOND, "standby"))
        await built(storage, build(DESK, "standby"), build(SECOND, previous=DESK))
        assert (await storage.count("", DESK, GUESTS, everything())).active == SECOND
        await built(storage, build(SECOND, "standby"), build(DESK, previous=SECOND))
        assert (await storage.count("", SECOND, GUESTS, everything())).active == DESK

    async def test_of_many_that_promote_at_once_one_does(self, storage: AsyncStorage) -> None:
        targets = [Target("desk", version) for version in range(1, 7)]
        await built(storage, *(build(target, "standby") for target in targets))

        def racer(target: Target) -> Any:
            async def work(transaction: AsyncTransaction) -> Target:
                rows = await transaction.builds("", ["desk"])
                if any(row.state == "active" for row in rows):
                    raise ef.ConfigurationError("another was faster")
                await transaction.save_build("", build(target))
                return target

            async def run() -> Target:
                return await storage.transact(work)

            return run

        (winner,) = successes(await race_async([racer(target) for target in targets]))
        assert [row.target for row in await storage.build_rows("") if row.state == "active"] == [winner]

    async def test_tenants_have_builds_of_their_own(self, storage: AsyncStorage) -> None:
        await built(storage, build(DESK), tenant="left")
        await built(storage, build(SECOND), tenant="right")
        assert [row.target for row in await storage.build_rows("left")] == [DESK]
        assert (await storage.count("right", DESK, GUESTS, everything())).active == SECOND
        assert (await storage.count("", DESK, GUESTS, everything())).active is None


class ActiveTargets:
    """Whatever a reader asks, it learns in the same snapshot which target is the active one."""

    async def test_every_read_says_which_target_is_active(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            for target in (DESK, SECOND):
                await transaction.create_target(target, GUESTS)
                await transaction.save_documents("", target, {"a": document(of=target.version)}, [])
            await transaction.save_build("", build(DESK, "standby"))
            await transaction.save_build("", build(SECOND))

        await storage.transact(work)
        found = [
            await storage.stored_documents("", DESK, ["a"]),
            await storage.select("", DESK, GUESTS, everything()),
            await storage.count("", DESK, GUESTS, everything()),
        ]
        assert [one.active for one in found] == [SECOND] * 3
        assert [one.missing for one in found] == [False] * 3
        assert [found[0].documents["a"], found[1].documents["a"]] == [document(of=1)] * 2
        assert found[2].count == 1
        nothing = await storage.select("", SECOND, GUESTS, Selection(limit=0))
        assert (nothing.active, nothing.documents) == (SECOND, {})

    async def test_it_is_said_of_an_empty_and_of_a_missing_table_too(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            await transaction.save_build("", build(DESK))

        await storage.transact(work)
        for target, missing in ((DESK, False), (SECOND, True)):
            found = [
                await storage.stored_documents("", target, ["a"]),
                await storage.select("", target, GUESTS, everything()),
                await storage.count("", target, GUESTS, everything()),
            ]
            assert [(one.active, one.missing, one.count) for one in found] == [(DESK, missing, 0)] * 3

    async def test_a_reader_beside_switches_sees_rows_of_what_it_is_told(self, storage: AsyncStorage) -> None:
        """Each switch writes its number into the target it makes active; older numbers than the target's are never seen."""

        async def prepare(transaction: AsyncTransaction) -> None:
            for target in (DESK, SECOND):
                await transaction.create_target(target, GUESTS)
                await transaction.save_documents("", target, {"a": document(n=0)}, [])
            await transaction.save_build("", build(DESK))
            await transaction.save_build("", build(SECOND, "standby"))

        await storage.transact(prepare)

        async def writer() -> None:
            for number in range(1, 21):
                new, old = (SECOND, DESK) if number % 2 else (DESK, SECOND)

                async def switch(
                    transaction: AsyncTransaction, new: Target = new, old: Target = old, number: int = number
                ) -> None:
                    await transaction.save_documents("", old, {"a": document(n=-1)}, [])
                    await transaction.save_documents("", new, {"a": document(n=number)}, [])
                    await transaction.save_build("", build(old, "standby"))
                    await transaction.save_build("", build(new))

                await storage.transact(switch)

        async def reader() -> int:
            wrong = 0
            for _ in range(60):
                found = await storage.stored_documents("", DESK, ["a"])
                wrong += (found.active == DESK) is (found.documents["a"] == document(n=-1))
                selected = await storage.select("", SECOND, GUESTS, everything())
                if selected.active != SECOND:
                    wrong += selected.documents["a"] not in (document(n=-1), document(n=0))
                else:
                    wrong += selected.documents["a"] == document(n=-1)
            return wrong

        assert await race_async([writer, reader, reader]) == [None, 0, 0]


class Targets:
    async def test_creating_one_again_keeps_its_rows(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            await transaction.save_documents("", DESK, {"a": document()}, [])
            await transaction.create_target(DESK, GUESTS)

        await storage.transact(work)
        await storage.transact(work)
        assert set((await storage.stored_documents("", DESK, ["a"])).documents) == {"a"}

    async def test_dropping_one_takes_every_row_and_may_be_done_again(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            await transaction.save_documents("", DESK, {"a": document()}, [])
            await transaction.save_documents("other", DESK, {"a": document()}, [])
            await transaction.drop_target(DESK, GUESTS)
            await transaction.drop_target(DESK, GUESTS)
            await transaction.drop_target(SECOND, GUESTS)

        await storage.transact(work)
        assert (await storage.stored_documents("", DESK, ["a"])).missing

        async def anew(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)

        await storage.transact(anew)
        for tenant in ("", "other"):
            found = await storage.stored_documents(tenant, DESK, ["a"])
            assert (found.missing, found.documents) == (False, {})

    async def test_a_target_made_in_a_transaction_that_fails_is_gone(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await storage.transact(work)
        assert (await storage.select("", DESK, GUESTS, everything())).missing

    async def test_a_drop_that_is_rolled_back_keeps_the_rows(self, storage: AsyncStorage) -> None:
        async def prepare(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            await transaction.save_documents("", DESK, {"a": document()}, [])

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.drop_target(DESK, GUESTS)
            raise ZeroDivisionError

        await storage.transact(prepare)
        with pytest.raises(ZeroDivisionError):
            await storage.transact(work)
        assert set((await storage.stored_documents("", DESK, ["a"])).documents) == {"a"}

    async def test_generations_and_versions_have_tables_of_their_own(self, storage: AsyncStorage) -> None:
        targets = (DESK, SECOND, THIRD, Target("desk", 22), Target("desk2", 1))

        async def work(transaction: AsyncTransaction) -> None:
            for number, target in enumerate(targets):
                await transaction.create_target(target, GUESTS)
                await transaction.save_documents("", target, {"a": document(n=number)}, [])

        await storage.transact(work)
        found = [(await storage.stored_documents("", target, ["a"])).documents["a"] for target in targets]
        assert found == [document(n=number) for number in range(5)]

    async def test_clearing_one_takes_the_rows_of_one_tenant(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(DESK, GUESTS)
            for tenant in ("left", "right"):
                await transaction.save_documents(tenant, DESK, {"a": document(), "b": document()}, [])
            await transaction.clear_target("left", DESK)
            await transaction.save_documents("left", DESK, {"c": document()}, [])

        await storage.transact(work)
        found = [(await storage.select(tenant, DESK, GUESTS, everything())).documents for tenant in ("left", "right")]
        assert [list(documents) for documents in found] == [["c"], ["a", "b"]]
