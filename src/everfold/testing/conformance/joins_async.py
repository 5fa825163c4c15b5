"""Events inside the caller's own transaction: they commit with the caller's rows, or roll back with them."""

from __future__ import annotations

import pytest

import everfold as ef

from ..racing import AsyncSignal, race_async
from .backend_async import AsyncBackend, AsyncCaller
from .domain import Noted, notes, texts
from .needs import needs, without
from .reading_async import log_of, stream_of, take
from .unit_atomicity_async import broken_off


async def with_own_table(backend: AsyncBackend) -> AsyncCaller:
    """A connection, and a table of the application's own beside the events."""
    caller = await backend.caller()
    await caller.execute("create table own_note (text varchar(50))")
    await caller.commit()
    return caller


@needs("joins")
class Joins:
    async def test_events_and_the_callers_rows_commit_together(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await with_own_table(backend)
        await caller.execute("insert into own_note values ('a')")
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", notes(2), expected_version=0)
        await caller.commit()
        assert await caller.rows("select text from own_note") == [("a",)]
        assert texts(await stream_of(store, "stay-1")) == ["1", "2"]

    async def test_nothing_is_seen_before_the_caller_commits(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", notes(2), expected_version=0)
        assert await log_of(store) == []
        assert await store.stream("stay-1") is None
        await caller.commit()
        assert len(await log_of(store)) == 2

    async def test_a_rollback_takes_events_and_rows_back(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await with_own_table(backend)
        await caller.execute("insert into own_note values ('a')")
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", notes(2), expected_version=0)
        await caller.rollback()
        assert await caller.rows("select text from own_note") == []
        assert await log_of(store) == []
        await caller.rollback()
        assert (await store.append("stay-1", [Noted()], expected_version=0)).version == 1

    async def test_the_results_are_there_before_the_commit(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", notes(2), expected_version=0)
        assert (unit.results[0].version, texts(unit.results[0].events)) == (2, ["1", "2"])
        await caller.commit()
        assert (await log_of(store))[-1].position == unit.results[0].position

    async def test_a_conflict_leaves_the_callers_transaction_usable(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        await store.append("stay-1", [Noted("there")], expected_version=0)
        caller = await with_own_table(backend)
        await caller.execute("insert into own_note values ('before')")
        unit = store.join(caller.connection)
        unit.append("stay-2", [Noted("gone")], expected_version=0)
        unit.append("stay-1", [Noted("late")], expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError):
            await unit.commit()
        await caller.execute("insert into own_note values ('after')")
        await caller.commit()
        assert await caller.rows("select text from own_note order by text") == [("after",), ("before",)]
        assert texts(await log_of(store)) == ["there"]

    async def test_after_a_conflict_the_same_transaction_may_append(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        await store.append("stay-1", [Noted("there")], expected_version=0)
        caller = await backend.caller()
        unit = store.join(caller.connection)
        unit.append("stay-1", [Noted("late")], expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError):
            await unit.commit()
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", [Noted("again")], expected_version=1)
        await caller.commit()
        assert texts(await stream_of(store, "stay-1")) == ["there", "again"]

    async def test_a_failed_condition_leaves_the_callers_transaction_usable(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        await store.append("stay-1", [ef.NewEvent(Noted("there"), tags=["room:1"])], expected_version=0)
        caller = await backend.caller()
        unit = store.join(caller.connection)
        unit.append_if([Noted("late")], ef.AppendCondition(ef.Query(tags=["room:1"])))
        with pytest.raises(ef.AppendConditionFailedError):
            await unit.commit()
        async with store.join(caller.connection) as unit:
            unit.append("stay-2", [Noted("other")], expected_version=0)
        await caller.commit()
        assert texts(await log_of(store)) == ["there", "other"]

    async def test_two_joins_in_one_transaction_see_each_other(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        for version in range(2):
            async with store.join(caller.connection) as unit:
                unit.append("stay-1", [Noted(str(version))], expected_version=version)
        await caller.commit()
        assert texts(await stream_of(store, "stay-1")) == ["0", "1"]

    async def test_a_unit_that_raises_inside_writes_nothing_into_the_transaction(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        with pytest.raises(ZeroDivisionError):
            await broken_off(store.join(caller.connection))
        await caller.commit()
        assert await log_of(store) == []

    async def test_a_repetition_inside_a_transaction_gives_the_first_result(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        sent = notes(2)
        first = await store.append("stay-1", sent, expected_version=0)
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", sent, expected_version=0)
        await caller.commit()
        assert (unit.results[0].version, unit.results[0].position) == (first.version, first.position)
        assert len(await log_of(store)) == 2

    async def test_a_waiting_reader_gets_the_events_after_the_callers_commit(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        reading = AsyncSignal()

        async def reader() -> list[str]:
            subscription = store.subscribe()
            assert await anext(subscription) == ef.CaughtUp(0)
            reading.set()
            return texts(await take(subscription, 2))

        async def writer() -> None:
            await reading.wait()
            async with store.join(caller.connection) as unit:
                unit.append("stay-1", notes(2), expected_version=0)
            await caller.commit()

        assert await race_async([reader, writer]) == [["1", "2"], None]

    async def test_what_is_no_connection_is_refused(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.ConfigurationError):
            store.join(object())

    async def test_a_closed_store_joins_nothing(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        caller = await backend.caller()
        await store.close()
        with pytest.raises(ef.StoreClosedError):
            store.join(caller.connection)


@without("joins")
class WithoutJoins:
    async def test_a_join_is_refused_with_what_to_use_instead(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.ConfigurationError, match="join"):
            store.join(object())
