"""A process that dies at any call of the port, inside a transaction or after it: all of it is there, or nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import everfold as ef

from ...runtime.concurrency_async import Later
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ..crash import Crash
from ..faults_async import AsyncFaults
from .backend_async import AsyncBackend
from .read_model_domain import build, move, unit_of
from .transactions_async import ROW, page


def six_steps(tenant: str) -> Callable[[AsyncTransaction], Later[None]]:
    """Work of eleven verbs."""

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.save_consumers(tenant, [ROW])
        for step in range(5):
            await transaction.commit(unit_of("stay-1", tenant=tenant))
            await transaction.move(tenant, [move(ROW, step + 1, since=step)])

    return work


class Crashes:
    """Kill at every port call, both before it and after it: what is found is all of the transaction, or nothing."""

    @pytest.mark.parametrize("kind", ["crash_at", "crash_after"])
    async def test_a_transaction_that_dies_at_any_call_leaves_all_or_nothing(
        self, storage: AsyncStorage, kind: str
    ) -> None:
        for number in range(1, 13):
            tenant, faults = f"t{number}", AsyncFaults(storage)
            getattr(faults, kind)(number)
            with pytest.raises(Crash):
                await faults.transact(six_steps(tenant))
            with pytest.raises(Crash):
                await faults.consumer_rows(tenant)
            whole = (number, kind) == (1, "crash_after")  # the first call is that of transact itself
            assert [row.position for row in await storage.consumer_rows(tenant)] == ([5] if whole else [])
            assert len((await page(storage, tenant)).rows) == (5 if whole else 0)

    async def test_a_crash_beyond_the_last_call_strikes_nothing(self, storage: AsyncStorage) -> None:
        faults = AsyncFaults(storage)
        faults.crash_at(13)
        await faults.transact(six_steps(""))
        assert (faults.calls.total(), faults.crashed) == (12, False)
        assert [row.position for row in await storage.consumer_rows("")] == [5]

    async def test_a_lost_reply_of_a_transaction_leaves_it_committed(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.lose_reply("transact")

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.save_consumers("", [ROW])

        with pytest.raises(ef.CommitUnknownError):
            await store.storage.transact(work)
        assert [row.name for row in await store.storage.consumer_rows("")] == ["desk@1"]

    async def test_a_fault_in_a_transaction_is_raised_though_it_is_swallowed(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.fail_before("tx.save_consumers", ef.StorageUnavailableError("the network is gone"))

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.save_build("", build())
            with pytest.raises(ef.StorageUnavailableError):
                await transaction.save_consumers("", [ROW])

        with pytest.raises(ef.StorageUnavailableError):
            await store.storage.transact(work)
        assert await store.storage.build_rows("") == []
        assert faults.calls["tx.save_build"] == 1
