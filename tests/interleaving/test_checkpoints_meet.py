"""Two owners of one consumer in every order in which they can meet: each step is made by one of them, once."""

from __future__ import annotations

import pytest

import everfold as ef
from everfold.errors import CheckpointConflictError
from everfold.storage.control import ConsumerRow, Move
from everfold.storage.memory.store import MemoryStorage
from everfold.testing import interleave
from everfold.testing.conformance.read_model_domain import unit_of

KEY = ("desk@1", 0)
STEPS = 2


async def owner(storage, name: str, *, now: int) -> int:
    """Leases the consumer and takes it step by step, one event a step, until it is stopped or there."""
    held = await storage.lease("", name, [KEY], seconds=10, now=now)
    made = 0
    for step in range(held[0].position, STEPS) if held else ():
        move = Move(*KEY, token=held[0].token, since=step, position=step + 1, letters=0)

        async def work(transaction, move=move):
            await transaction.move("", [move], now=now)
            await transaction.commit(unit_of("fed-1"))

        try:
            await storage.transact(work)
        except CheckpointConflictError:
            return made
        made += 1
    return made


@pytest.mark.parametrize("later", [0, 11_000_000], ids=["while the lease holds", "after it expired"])
def test_each_step_is_made_once_whoever_holds_the_lease(later):
    def scenario():
        memory = MemoryStorage()
        memory.transact(lambda transaction: transaction.save_consumers("", [ConsumerRow("desk@1")]))
        storage = interleave.InterleavedStorage(memory)

        def check(results):
            (row,) = memory.consumer_rows("")
            assert (row.position, sum(results.values())) == (STEPS, STEPS)
            assert memory.stream_row("", "fed-1").version == STEPS

        tasks = {"first": owner(storage, "w1", now=0), "second": owner(storage, "w2", now=later)}
        return interleave.Scenario(tasks, check=check)

    report = interleave.explore(scenario)
    assert report.schedules > 10


def test_work_that_waits_inside_a_transaction_is_refused():
    async def impatient(storage):
        async def work(transaction):
            await transaction.save_consumers("", [ConsumerRow("desk@1")])
            await interleave.point("inside")

        with pytest.raises(ef.ConfigurationError):
            await storage.transact(work)
        return await storage.consumer_rows("")

    def scenario():
        storage = interleave.InterleavedStorage(MemoryStorage())

        def check(results):
            assert results == {"one": []}

        return interleave.Scenario({"one": impatient(storage)}, check=check)

    assert interleave.explore(scenario).schedules == 1
