"""What a transaction on a memory store refuses: to wait, and to reach around itself to the store that it holds."""

from __future__ import annotations

import asyncio

import pytest

import everfold as ef
from everfold.events.query import Query
from everfold.storage.control import ConsumerRow
from everfold.storage.memory.store import MemoryStorage
from everfold.storage.memory.store_async import AsyncMemoryStorage
from everfold.testing.conformance.read_model_domain import unit_of
from everfold.testing.faults import Faults
from everfold.testing.faults_async import AsyncFaults
from everfold.testing.racing import as_thread

ROW = ConsumerRow("desk@1")


async def test_work_that_waits_is_refused_and_leaves_nothing():
    storage = AsyncMemoryStorage()

    async def work(transaction):
        await transaction.save_consumers("", [ROW])
        await asyncio.sleep(0)

    with pytest.raises(ef.ConfigurationError, match="awaits nothing but its transaction"):
        await storage.transact(work)
    assert await storage.consumer_rows("") == []


async def test_a_transaction_that_is_held_is_work_that_waits():
    storage = AsyncMemoryStorage()
    faults = AsyncFaults(storage)
    faults.hold("tx.save_consumers")

    async def work(transaction):
        await transaction.save_consumers("", [ROW])

    with pytest.raises(ef.ConfigurationError):
        await faults.transact(work)
    await faults.transact(work)
    assert len(await storage.consumer_rows("")) == 1


@pytest.mark.parametrize(
    "verb",
    [
        lambda storage: storage.commit(unit_of("stay-1")),
        lambda storage: storage.consumer_rows(""),
        lambda storage: storage.read_all("", after=0, before=None, query=Query(), backwards=False, limit=1),
        lambda storage: storage.transact(lambda transaction: None),
    ],
    ids=["commit", "read", "read_all", "transact"],
)
def test_the_store_itself_is_out_of_reach_inside_it(verb):
    storage = MemoryStorage()

    def work(transaction):
        transaction.save_consumers("", [ROW])
        verb(storage)

    with pytest.raises(ef.ConfigurationError, match="uses its transaction only"):
        storage.transact(work)
    assert storage.consumer_rows("") == []
    assert storage.head("") == 0


def test_others_wait_for_a_transaction_that_is_held_inside():
    storage = MemoryStorage()
    faults = Faults(storage)
    gate = faults.hold("tx.commit")

    def work(transaction):
        transaction.save_consumers("", [ROW])
        transaction.commit(unit_of("stay-1"))

    holder = as_thread(lambda: faults.transact(work))
    gate.reached.wait()
    seen = []
    reader = as_thread(lambda: seen.append((len(storage.consumer_rows("")), storage.head(""))))
    gate.release()
    for thread in (holder, reader):
        thread.join(10)
    assert seen == [(1, 1)]


def test_a_refused_transaction_leaves_the_log_as_it_was():
    """Streams, tags, ids, snapshots and the next position: all of it is undone."""
    storage = MemoryStorage()
    first = storage.commit(unit_of("stay-1", 2))

    def work(transaction):
        transaction.commit(unit_of("stay-1"))
        transaction.commit(unit_of("stay-2", tenant="other"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        storage.transact(work)
    again = storage.commit(unit_of("stay-1", expected=2))
    assert list(again.appends[0].positions) == [first.appends[0].positions[-1] + 1]
    assert storage.stream_row("other", "stay-2") is None
