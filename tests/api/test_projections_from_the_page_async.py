"""Projections as the public surface tells of them: every name and shape, on every backend."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.api.hotel_of_the_page import (
    ChargeRecorded,
    GuestCheckedIn,
    GuestCheckedOut,
    charge,
    check_in,
    module,
    occupancy,
    revenue,
)
from tests.api.kinds_of_columns import MEASURED, Measured, measures

import everfold as ef


async def test_documents_are_found_by_key_by_fields_and_counted(url: str) -> None:
    rooms = occupancy()
    async with ef.AsyncEventStore.open(url, module(rooms)) as store:
        for room, guest in ((12, "ada"), (13, "bob"), (14, "ada")):
            await check_in(store, room, guest)
        await ef.AsyncWorker(store).run_until_caught_up()
        model = store.read_model(rooms)
        assert await model.get("12") == {"guest": "ada", "rate": "90.50", "since": 1}
        assert await model.get("99") is None
        assert [document["guest"] for document in await model.find(where={"guest": "ada"})] == ["ada", "ada"]
        assert len(await model.find(where={"guest": "ada"}, limit=1)) == 1
        assert len(await model.find()) == await model.count() == 3
        assert await model.count(where={"guest": "bob"}) == 1
        assert (await store.read_model("occupancy").get("12"))["guest"] == "ada"


async def test_a_handler_that_returns_none_deletes_the_document(url: str) -> None:
    rooms = occupancy()
    async with ef.AsyncEventStore.open(url, module(rooms)) as store:
        await check_in(store, 12)
        await ef.AsyncWorker(store).run_until_caught_up()
        assert await store.read_model(rooms).count() == 1
        await store.append("stay-12", [GuestCheckedOut(12)], expected_version=1)
        await ef.AsyncWorker(store).run_until_caught_up()
        assert await store.read_model(rooms).get("12") is None
        assert await store.read_model(rooms).count() == 0


async def test_a_declared_table_gives_rows_as_mappings_of_decimals_and_dates(url: str) -> None:
    days = revenue()
    async with ef.AsyncEventStore.open(url, module(days)) as store:
        for day, amount in ((2, "100.25"), (1, "40.00"), (2, "0.25"), (3, "500.00")):
            await charge(store, day, amount)
        await ef.AsyncWorker(store).run_until_caught_up()
        rows = await store.read_model(days).rows("amount > %s", (100,), order_by="day")
        assert [dict(row) for row in rows] == [
            {"day": date(2026, 5, 2), "amount": Decimal("100.50")},
            {"day": date(2026, 5, 3), "amount": Decimal("500.00")},
        ]
        assert [str(row["amount"]) for row in rows] == ["100.50", "500.00"]


async def test_conditions_take_decimals_and_dates(url: str) -> None:
    days = revenue()
    async with ef.AsyncEventStore.open(url, module(days)) as store:
        for day, amount in ((1, "9.10"), (2, "10.20"), (3, "100.00")):
            await charge(store, day, amount)
        await ef.AsyncWorker(store).run_until_caught_up()
        model = store.read_model(days)
        assert [row["day"].day for row in await model.rows("amount = %s", (Decimal("10.20"),))] == [2]
        late = await model.rows("day >= %s", (date(2026, 5, 2),), order_by="-day")
        assert [row["day"].day for row in late] == [3, 2]
        assert len(await model.rows("amount > %s or day = %s", (50, date(2026, 5, 1)), limit=1)) == 1
        assert len(await model.rows()) == await model.count() == 3
        assert [row["day"].day for row in await model.find(where={"amount": Decimal("100.00")})] == [3]
        dear = await model.find(where={"amount >": Decimal("9.10")}, order_by="amount")
        assert [row["day"].day for row in dear] == [2, 3]
        assert await model.count(where={"day": date(2026, 5, 1)}) == 1
        assert (await model.get(date(2026, 5, 3)))["amount"] == Decimal("100.00")


async def test_a_condition_that_is_no_sql_is_refused(url: str) -> None:
    days = revenue()
    async with ef.AsyncEventStore.open(url, module(days)) as store:
        await charge(store, 1, "9.10")
        await ef.AsyncWorker(store).run_until_caught_up()
        asked: list[tuple[str, tuple[Any, ...]]] = [("amuont > %s", (1,)), ("amount >", ()), ("amount > %s", ())]
        for sql, parameters in asked:
            with pytest.raises(ef.StatementError):
                await store.read_model(days).rows(sql, parameters)


async def test_a_read_model_is_empty_before_any_worker_ran(url: str) -> None:
    rooms, days = occupancy(), revenue()
    async with ef.AsyncEventStore.open(url, module(rooms, days)) as store:
        await check_in(store, 12)
        assert await store.read_model(rooms).get("12") is None
        assert await store.read_model(rooms).find(where={"guest": "ada"}) == []
        assert await store.read_model(rooms).count() == 0
        assert await store.read_model(days).rows("amount > %s", (1,), order_by="day") == []
        assert await store.projections().status() == []


async def test_waiting_returns_once_the_read_model_holds_the_position(url: str) -> None:
    rooms = occupancy()
    async with ef.AsyncEventStore.open(url, module(rooms)) as store:
        written = await check_in(store, 12)
        with pytest.raises(TimeoutError, match="occupancy"):
            await store.wait_for(rooms, written.position, timeout=0)
        await ef.AsyncWorker(store).run_until_caught_up()
        await store.wait_for(rooms, written.position, timeout=5.0)
        await store.wait_for("occupancy", written.position)
        assert await store.read_model(rooms).get("12") is not None


async def test_waiting_in_vain_is_a_timeout_that_says_how_far_it_is(url: str) -> None:
    rooms = occupancy()
    async with ef.AsyncEventStore.open(url, module(rooms)) as store:
        first = await check_in(store, 12)
        await ef.AsyncWorker(store).run_until_caught_up()
        second = await check_in(store, 13)
        with pytest.raises(TimeoutError) as caught:
            await store.wait_for(rooms, second.position, timeout=0.01)
        assert isinstance(caught.value, ef.EverfoldError)
        told = str(caught.value)
        assert all(word in told for word in ("occupancy", f"position {first.position}", str(second.position)))


async def test_an_inline_projection_is_there_when_the_append_returns(url: str) -> None:
    rooms, days = occupancy(timing=ef.INLINE), revenue(timing=ef.INLINE)
    async with ef.AsyncEventStore.open(url, module(rooms, days)) as store:
        written = await check_in(store, 12)
        last = await charge(store, 1, "12.34")
        assert (await store.read_model(rooms).get("12"))["guest"] == "ada"
        assert await store.read_model(days).rows() == [{"day": date(2026, 5, 1), "amount": Decimal("12.34")}]
        await store.wait_for(rooms, written.position, timeout=0.01)
        await store.wait_for(days, last.position, timeout=0.01)
        await ef.AsyncWorker(store).run_until_caught_up()
        assert await store.read_model(rooms).count() == 1
        assert (await store.read_model(days).rows())[0]["amount"] == Decimal("12.34")


async def test_an_inline_bug_fails_the_append_and_writes_nothing(url: str) -> None:
    broken = ef.DocumentProjection("broken", version=1, timing=ef.INLINE, key=lambda e: "x")

    @broken.on(GuestCheckedIn)
    def fails(document: Any, event: Any, recorded: Any) -> Any:
        raise ZeroDivisionError("a bug in the handler")

    async with ef.AsyncEventStore.open(url, module(broken)) as store:
        with pytest.raises(ef.ProjectionError, match="broken") as caught:
            await check_in(store, 12)
        assert "guest_checked_in" in str(caught.value)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert await store.stream("stay-12") is None


async def test_an_inline_projection_sees_all_streams_of_a_unit(url: str) -> None:
    rooms = occupancy(timing=ef.INLINE)
    async with ef.AsyncEventStore.open(url, module(rooms)) as store:
        async with store.unit() as unit:
            unit.append("stay-7", [GuestCheckedIn("a", 7, Decimal(1))], expected_version=0)
            unit.append("stay-8", [GuestCheckedIn("b", 8, Decimal(1))], expected_version=ef.NO_STREAM)
        assert await store.read_model(rooms).count() == 2


async def test_live_projections_answer_without_a_worker(url: str) -> None:
    rooms, days = occupancy(timing=ef.LIVE), revenue(timing=ef.LIVE)
    async with ef.AsyncEventStore.open(url, module(rooms, days)) as store:
        written = await check_in(store, 12)
        await store.wait_for(rooms, written.position, timeout=1.0)
        assert (await store.read_model(rooms).get("12"))["guest"] == "ada"
        assert await store.read_model(rooms).find(where={"guest": "bob"}) == []
        await check_in(store, 13, "bob")
        assert await store.read_model(rooms).count() == 2
        await charge(store, 1, "1.50")
        await charge(store, 1, "1.50")
        assert (await store.read_model(days).get(date(2026, 5, 1)))["amount"] == Decimal("3.00")
        assert await store.read_model(days).rows("amount > %s", (3,)) == []
        assert len(await store.read_model(days).rows("amount >= %s", (3,))) == 1
        await ef.AsyncWorker(store).run_until_caught_up()


async def test_a_definition_moves_between_timings(durable_url: str) -> None:
    for count, timing in enumerate((ef.CATCH_UP, ef.LIVE, ef.CATCH_UP), start=1):
        rooms = occupancy(timing=timing)
        async with ef.AsyncEventStore.open(durable_url, module(rooms)) as store:
            await check_in(store, count)
            await ef.AsyncWorker(store).run_until_caught_up()
            assert await store.read_model(rooms).count() == count


async def test_every_column_type_comes_back_as_it_was(url: str) -> None:
    kinds = measures()
    lab = ef.Module("lab")
    lab.event("measured")(Measured)
    lab.add(kinds)
    async with ef.AsyncEventStore.open(url, lab) as store:
        await store.append("lab-1", [MEASURED], expected_version=0)
        await ef.AsyncWorker(store).run_until_caught_up()
        (row,) = await store.read_model(kinds).rows()
        expected = {name: getattr(MEASURED, name) for name in row}
        assert dict(row) == expected
        assert {name: type(value) for name, value in row.items()} == {n: type(v) for n, v in expected.items()}
        for name in set(row) - {"extra"}:
            assert await store.read_model(kinds).find(where={name: row[name]}) == [row], name
            assert len(await store.read_model(kinds).rows(f"{name} = %s", (row[name],))) == 1, name


async def test_what_was_projected_is_there_after_a_restart_and_goes_on(durable_url: str) -> None:
    for room in (12, 13):
        async with ef.AsyncEventStore.open(durable_url, module(occupancy(), revenue())) as store:
            await check_in(store, room)
            await charge(store, 1, "10.00")
            await ef.AsyncWorker(store).run_until_caught_up()
    async with ef.AsyncEventStore.open(durable_url, module(occupancy(), revenue())) as store:
        assert await store.read_model("occupancy").count() == 2
        assert await store.read_model("revenue").rows() == [{"day": date(2026, 5, 1), "amount": Decimal("20.00")}]


async def test_several_workers_apply_each_event_once(url: str) -> None:
    rooms, days = occupancy(), revenue()
    async with ef.AsyncEventStore.open(url, module(rooms, days)) as store:
        for number in range(10):
            await charge(store, number % 3 + 1, "1.00")
        for worker in (ef.AsyncWorker(store), ef.AsyncWorker(store, only=["revenue"])):
            await worker.run_until_caught_up()
        assert sum(row["amount"] for row in await store.read_model(days).rows()) == 10


async def test_a_rule_may_have_a_condition_and_a_greatest_value(url: str) -> None:
    columns = {"kind": ef.Text, "n": ef.Integer, "top": ef.Numeric(10, 2)}
    meals = ef.TableProjection("meals", version=1, columns=columns, key=["kind"])
    meals.on(ChargeRecorded).increment(n=1).max(top="amount").when(ef.field("kind") == "meal").at(kind="kind")
    async with ef.AsyncEventStore.open(url, module(meals)) as store:
        for amount, kind in (("3.00", "meal"), ("8.00", "meal"), ("100.00", "room")):
            await charge(store, 1, amount, kind)
        await ef.AsyncWorker(store).run_until_caught_up()
        assert await store.read_model(meals).find() == [{"kind": "meal", "n": 2, "top": Decimal("8.00")}]


async def test_a_handler_projection_writes_its_own_table_once_per_event(durable_url: str, own_table: str) -> None:
    audit = ef.HandlerProjection("audit", version=1)
    seen: list[Any] = []

    @audit.setup
    def tables(transaction: Any) -> None:
        transaction.execute(f"create table if not exists {transaction.table(own_table)} (room integer, guest text)")

    @audit.on(GuestCheckedIn)
    async def note(transaction: Any, recorded: ef.RecordedEvent) -> None:
        values = (recorded.event.room, recorded.event.guest_id)
        await transaction.execute(f"insert into {transaction.table(own_table)} values (%s, %s)", values)
        seen.append(await transaction.fetch(f"select room, guest from {transaction.table(own_table)} order by room"))

    async with ef.AsyncEventStore.open(durable_url, module(audit)) as store:
        await check_in(store, 12)
        await check_in(store, 13, "bob")
        await ef.AsyncWorker(store).run_until_caught_up()
        assert [tuple(row) for row in seen[-1]] == [(12, "ada"), (13, "bob")]
        await ef.AsyncWorker(store).run_until_caught_up()
        assert len(seen) == 2
