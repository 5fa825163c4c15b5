"""A transaction within a transaction: what fails in it is undone alone, what it kept shares its transaction's fate."""

from __future__ import annotations

import pytest

import everfold as ef

from ...errors import CheckpointConflictError, StatementError
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Target
from ...storage.unit import StreamAppend, Unit
from .read_model_domain import DESK, build, consumer, document, move, unit_of
from .transactions_async import ROW, BrokenOffError, everything_at_once, prepared, state_of


class NestedTransactions:
    async def test_what_fails_in_it_is_undone_and_the_rest_is_kept(self, storage: AsyncStorage) -> None:
        await prepared(storage)

        async def poisoned(transaction: AsyncTransaction) -> None:
            await transaction.commit(unit_of("stay-2", 3))
            await transaction.save_documents("", DESK, {"b": document(room=9)}, ["a"])
            await transaction.move("", [move(ROW, 1)])
            raise BrokenOffError

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.commit(unit_of("stay-1"))
            with pytest.raises(BrokenOffError):
                await transaction.nested(poisoned)
            await transaction.move("", [move(ROW, 1)])
            await transaction.save_documents("", DESK, {"c": document(room=3)}, [])

        await storage.transact(work)
        state = await state_of(storage)
        assert (state["streams"], len(state["log"])) == ([("stay-1", 2, 1)], 2)
        assert state["consumers"] == [("desk@1", 1, 0, 0)]
        assert set((await storage.stored_documents("", DESK, ["a", "b", "c"])).documents) == {"a", "c"}

    @pytest.mark.parametrize("kind", ["move", "unit", "build", "statement"])
    async def test_a_verb_may_fail_in_it(self, storage: AsyncStorage, kind: str) -> None:
        await prepared(storage)
        errors = {
            "move": CheckpointConflictError,
            "unit": ef.WrongExpectedVersionError,
            "build": ef.ConfigurationError,
            "statement": StatementError,
        }

        async def failing(transaction: AsyncTransaction) -> None:
            await transaction.save_documents("", DESK, {}, ["a"])
            if kind == "move":
                await transaction.move("", [move(ROW, 1, since=5)])
            elif kind == "unit":
                await transaction.commit(unit_of("stay-1", expected=0))
            elif kind == "build":
                await transaction.save_build("", build(Target("desk", 2)))
            else:
                await transaction.execute("this is no SQL", [()])

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.save_build("", build())
            with pytest.raises(errors[kind]):
                await transaction.nested(failing)
            await transaction.move("", [move(ROW, 1)])

        await storage.transact(work)
        state = await state_of(storage)
        assert state["consumers"] == [("desk@1", 1, 0, 0)]
        assert state["builds"] == [(DESK, "active")]
        assert set(state["documents"]) == {"a", "z"}

    async def test_one_may_stand_in_another(self, storage: AsyncStorage) -> None:
        async def inner(transaction: AsyncTransaction) -> None:
            await transaction.save_consumers("", [consumer("inner@1")])
            raise BrokenOffError

        async def outer(transaction: AsyncTransaction) -> str:
            await transaction.save_consumers("", [consumer("outer@1")])
            with pytest.raises(BrokenOffError):
                await transaction.nested(inner)
            return "kept"

        async def work(transaction: AsyncTransaction) -> str:
            return await transaction.nested(outer)

        assert await storage.transact(work) == "kept"
        assert [row.name for row in await storage.consumer_rows("")] == ["outer@1"]

    async def test_what_it_kept_goes_with_its_transaction(self, storage: AsyncStorage) -> None:
        await prepared(storage)
        before = await state_of(storage)

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.nested(everything_at_once)
            raise BrokenOffError

        with pytest.raises(BrokenOffError):
            await storage.transact(work)
        assert await state_of(storage) == before

    async def test_an_empty_unit_and_an_empty_move_change_nothing(self, storage: AsyncStorage) -> None:
        await prepared(storage)
        before = await state_of(storage)

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.commit(Unit("", (StreamAppend("stay-1", 1),)))
            await transaction.move("", [])
            await transaction.save_consumers("", [])
            await transaction.save_documents("", DESK, {}, [])
            await transaction.park("", [])
            await transaction.settle("", [], "done", actor=None, reason=None)
            await transaction.delete_consumers("", [])

        await storage.transact(work)
        assert await state_of(storage) == before
