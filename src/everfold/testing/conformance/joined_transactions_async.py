"""The port's verbs in the caller's own transaction: whatever was done there shares the fate of the caller's rows."""

from __future__ import annotations

import pytest

from ...errors import CheckpointConflictError
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import TableChanges
from .backend_async import AsyncBackend
from .needs import needs
from .read_model_domain import DESK, EVERY, EVERY_SHAPE, GUESTS, consumer, document, move, one_upsert, unit_of

ROW = consumer()


async def prepared(storage: AsyncStorage) -> None:
    async def work(transaction: AsyncTransaction) -> None:
        await transaction.create_target(DESK, GUESTS)
        await transaction.create_target(EVERY, EVERY_SHAPE)
        await transaction.save_consumers("", [ROW])
        await transaction.save_documents("", DESK, {"a": document(n=1)}, [])

    await storage.transact(work)


async def changed(transaction: AsyncTransaction) -> None:
    """What an inline projection does: lock, append, read, write."""
    await transaction.gate("", ["desk"], exclusive=False)
    await transaction.lock_stream("", "stay-1")
    await transaction.commit(unit_of("stay-1", 2))
    stored = await transaction.documents("", DESK, ["a", "b"])
    assert stored == {"a": document(n=1)}
    await transaction.save_documents("", DESK, {"b": document(n=2)}, ["a"])
    rows: TableChanges = one_upsert(EVERY_SHAPE, {"small": "add"}, ("x", 5))
    await transaction.change_rows("", EVERY, EVERY_SHAPE, rows)
    await transaction.move("", [move(ROW, 7)])


async def seen(storage: AsyncStorage) -> tuple[object, ...]:
    documents = (await storage.stored_documents("", DESK, ["a", "b"])).documents
    stream = await storage.stream_row("", "stay-1")
    (row,) = await storage.consumer_rows("")
    return sorted(documents), 0 if stream is None else stream.version, row.position


@needs("joins")
class JoinedTransactions:
    async def test_what_was_done_in_it_is_there_once_the_caller_commits(
        self, storage: AsyncStorage, backend: AsyncBackend
    ) -> None:
        await prepared(storage)
        caller = await backend.caller()
        await caller.execute("begin")
        await changed(storage.join(caller.connection))
        assert await seen(storage) == (["a"], 0, 0)
        await caller.commit()
        assert await seen(storage) == (["b"], 2, 7)

    async def test_it_is_gone_when_the_caller_rolls_back(self, storage: AsyncStorage, backend: AsyncBackend) -> None:
        await prepared(storage)
        caller = await backend.caller()
        await caller.execute("begin")
        await changed(storage.join(caller.connection))
        await caller.rollback()
        assert await seen(storage) == (["a"], 0, 0)

    async def test_what_fails_in_a_nested_one_leaves_the_callers_usable(
        self, storage: AsyncStorage, backend: AsyncBackend
    ) -> None:
        await prepared(storage)
        caller = await backend.caller()
        await caller.execute("begin")

        async def stale(transaction: AsyncTransaction) -> None:
            await transaction.save_documents("", DESK, {}, ["a"])
            await transaction.move("", [move(ROW, 7, token=9)])

        joined = storage.join(caller.connection)
        with pytest.raises(CheckpointConflictError):
            await joined.nested(stale)
        await changed(joined)
        await caller.commit()
        assert await seen(storage) == (["b"], 2, 7)
