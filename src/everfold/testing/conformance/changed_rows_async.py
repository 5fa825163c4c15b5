"""What a batch does to a declared table: every action, on new rows and on old ones, with and without a value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ...errors import StatementError
from ...storage.columns import Date, Integer, Numeric, Text, Timestamp, Uuid
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Column, Shape, TableChanges, Target, Upserts
from .read_model_domain import EVERY, EVERY_SHAPE, EXTREMES, LEDGER, LEDGER_SHAPE, everything, one_upsert

MAY = date(2026, 5, 1)
KEY = (MAY, "12")


async def changed(
    storage: AsyncStorage, *batches: TableChanges, of: tuple[Target, Shape] = (LEDGER, LEDGER_SHAPE), tenant: str = ""
) -> list[dict[str, Any]]:
    """The tenant's rows, once the batches are applied, each in a transaction of its own."""
    for batch in batches:

        async def work(transaction: AsyncTransaction, batch: TableChanges = batch) -> None:
            await transaction.create_target(*of)
            await transaction.change_rows(tenant, *of, batch)

        await storage.transact(work)
    return list((await storage.select(tenant, *of, everything())).rows)


def acted(action: str, column: str, *rows: tuple[Any, ...]) -> TableChanges:
    return one_upsert(LEDGER_SHAPE, {column: action}, *rows)


ACTIONS = [
    ("set", "note", None, "a", "a"),
    ("set", "note", "a", "b", "b"),
    ("set", "note", "a", None, None),
    ("add", "nights", None, 3, 3),
    ("add", "nights", 3, -5, -2),
    ("add", "nights", 3, None, 3),
    ("add", "amount", Decimal("0.10"), Decimal("0.20"), Decimal("0.30")),
    ("add", "cheapest", None, Decimal("0.20"), Decimal("0.20")),
    ("min", "cheapest", None, Decimal("5.00"), Decimal("5.00")),
    ("min", "cheapest", Decimal("5.00"), Decimal("4.99"), Decimal("4.99")),
    ("min", "cheapest", Decimal("5.00"), Decimal("5.01"), Decimal("5.00")),
    ("min", "cheapest", Decimal("5.00"), None, Decimal("5.00")),
    ("max", "dearest", None, Decimal("-5.00"), Decimal("-5.00")),
    ("max", "dearest", Decimal("-5.00"), Decimal("-4.99"), Decimal("-4.99")),
    ("max", "dearest", Decimal("9.00"), Decimal("10.00"), Decimal("10.00")),
    ("max", "dearest", Decimal("9.00"), None, Decimal("9.00")),
    ("min", "note", "a", "Z", "Z"),
    ("max", "note", "Z", "a", "a"),
    ("max", "note", "z", "é", "é"),
    ("initial", "opened_by", "ada", "bob", "ada"),
    ("initial", "opened_by", "ada", None, "ada"),
    ("initial", "opened_by", None, "bob", None),
]


class ChangedRows:
    @pytest.mark.parametrize("one", ACTIONS, ids=str)
    async def test_an_action_on_a_row_that_is_there(self, storage: AsyncStorage, one: tuple[Any, ...]) -> None:
        action, column, before, value, after = one
        await changed(storage, acted("set", column, (*KEY, before)))
        (row,) = await changed(storage, acted(action, column, (*KEY, value)))
        assert (row[column], type(row[column])) == (after, type(after))

    @pytest.mark.parametrize(
        ("action", "column", "value", "after"),
        [
            ("set", "note", "a", "a"),
            ("set", "note", None, None),
            ("add", "nights", 3, 3),
            ("add", "nights", None, 0),
            ("add", "cheapest", None, Decimal("0.00")),
            ("min", "cheapest", Decimal("1.00"), Decimal("1.00")),
            ("min", "cheapest", None, None),
            ("max", "dearest", Decimal("-1.00"), Decimal("-1.00")),
            ("max", "dearest", None, None),
            ("initial", "opened_by", "ada", "ada"),
            ("initial", "opened_by", None, None),
        ],
    )
    async def test_an_action_on_a_new_row(
        self, storage: AsyncStorage, action: str, column: str, value: Any, after: Any
    ) -> None:
        (row,) = await changed(storage, acted(action, column, (*KEY, value)))
        assert row[column] == after

    async def test_a_new_row_has_the_defaults_of_what_is_not_given(self, storage: AsyncStorage) -> None:
        rows = await changed(storage, acted("set", "note", (*KEY, "a")), one_upsert(LEDGER_SHAPE, {}, (MAY, "13")))
        untouched = {"nights": 0, "amount": Decimal("0.00"), "cheapest": None, "dearest": None, "opened_by": None}
        assert rows == [
            {"day": MAY, "room": "12", "note": "a", **untouched},
            {"day": MAY, "room": "13", "note": None, **untouched},
        ]
        assert list(rows[0]) == [column.name for column in LEDGER_SHAPE.columns]

    async def test_an_upsert_of_a_key_alone_leaves_the_row_as_it_is(self, storage: AsyncStorage) -> None:
        before = await changed(storage, acted("set", "note", (*KEY, "a")))
        assert await changed(storage, one_upsert(LEDGER_SHAPE, {}, KEY)) == before

    async def test_several_actions_work_on_one_row_at_once(self, storage: AsyncStorage) -> None:
        actions = {
            "nights": "add",
            "amount": "add",
            "cheapest": "min",
            "dearest": "max",
            "note": "set",
            "opened_by": "initial",
        }
        one = (*KEY, 2, Decimal("100.00"), Decimal("50.00"), Decimal("50.00"), "first", "ada")
        two = (*KEY, 1, Decimal("-0.01"), Decimal("70.00"), Decimal("70.00"), None, "bob")
        new = (MAY, "13", 5, None, None, None, "other", None)
        rows = await changed(
            storage, one_upsert(LEDGER_SHAPE, actions, one), one_upsert(LEDGER_SHAPE, actions, two, new)
        )
        assert rows == [
            {
                "day": MAY,
                "room": "12",
                "nights": 3,
                "amount": Decimal("99.99"),
                "cheapest": Decimal("50.00"),
                "dearest": Decimal("70.00"),
                "note": None,
                "opened_by": "ada",
            },
            {
                "day": MAY,
                "room": "13",
                "nights": 5,
                "amount": Decimal("0.00"),
                "cheapest": None,
                "dearest": None,
                "note": "other",
                "opened_by": None,
            },
        ]

    async def test_deletes_go_first_and_upserts_follow_in_their_order(self, storage: AsyncStorage) -> None:
        await changed(storage, acted("set", "nights", (*KEY, 100), (MAY, "13", 100), (MAY, "14", 100)))
        first, second = acted("add", "nights", (*KEY, 1)), acted("set", "nights", (*KEY, 7), (MAY, "15", 7))
        third = acted("add", "nights", (*KEY, 2))
        upserts = [*first.upserts, *second.upserts, *third.upserts]
        rows = await changed(storage, TableChanges([KEY, (MAY, "13"), (MAY, "gone")], upserts))
        assert [(row["room"], row["nights"]) for row in rows] == [("12", 9), ("14", 100), ("15", 7)]

    async def test_a_row_deleted_and_made_anew_remembers_nothing(self, storage: AsyncStorage) -> None:
        await changed(storage, acted("initial", "opened_by", (*KEY, "ada")))
        again = TableChanges([KEY], acted("initial", "opened_by", (*KEY, "bob")).upserts)
        assert [row["opened_by"] for row in await changed(storage, again)] == ["bob"]

    async def test_an_empty_batch_changes_nothing(self, storage: AsyncStorage) -> None:
        before = await changed(storage, acted("set", "note", (*KEY, "a")))
        empty = TableChanges(upserts=[Upserts(("day", "room", "note"), ("key", "key", "set"), ())])
        assert await changed(storage, TableChanges(), empty) == before

    async def test_tenants_have_rows_of_their_own(self, storage: AsyncStorage) -> None:
        await changed(storage, acted("add", "nights", (*KEY, 1)), tenant="left")
        await changed(storage, acted("add", "nights", (*KEY, 5)), tenant="right")
        left = await changed(storage, TableChanges([KEY]), acted("add", "nights", (*KEY, 2)), tenant="left")
        right = await changed(storage, acted("add", "nights", (*KEY, 1)), tenant="right")
        assert ([row["nights"] for row in left], [row["nights"] for row in right]) == ([2], [6])
        assert await changed(storage) == []

    async def test_ten_thousand_rows_go_in_one_batch(self, storage: AsyncStorage) -> None:
        rows = [(MAY, f"{n:05}", n) for n in range(10_000)]
        await changed(storage, acted("add", "nights", *rows), acted("add", "nights", *rows))
        found = await changed(storage, TableChanges([row[:2] for row in rows[10:]]))
        assert [row["nights"] for row in found] == [2 * n for n in range(10)]

    async def test_cents_are_added_exactly(self, storage: AsyncStorage) -> None:
        batches = [acted("add", "amount", (*KEY, Decimal("0.10"))) for _ in range(30)]
        batches.append(acted("add", "amount", (*KEY, Decimal("99999999999.97"))))
        (row,) = await changed(storage, *batches)
        assert str(row["amount"]) == "100000000002.97"

    @pytest.mark.parametrize(
        ("column", "value"),
        [("nights", 2**31 - 1), ("nights", -(2**31)), ("amount", Decimal("999999999999.99"))],
        ids=str,
    )
    async def test_a_sum_that_no_longer_fits_is_refused(
        self, storage: AsyncStorage, column: str, value: int | Decimal
    ) -> None:
        before = await changed(storage, acted("add", column, (*KEY, value)))
        with pytest.raises(StatementError):
            await changed(storage, acted("add", column, (*KEY, value)))
        assert await changed(storage) == before

    async def test_a_key_without_a_value_is_refused(self, storage: AsyncStorage) -> None:
        with pytest.raises(StatementError):
            await changed(storage, acted("add", "nights", (MAY, None, 1)))

    async def test_a_table_that_is_not_there_is_refused(self, storage: AsyncStorage) -> None:
        async def work(transaction: AsyncTransaction) -> None:
            await transaction.change_rows("", LEDGER, LEDGER_SHAPE, acted("add", "nights", (*KEY, 1)))

        with pytest.raises(StatementError):
            await storage.transact(work)


class ColumnValues:
    @pytest.mark.parametrize("column", list(EXTREMES))
    async def test_values_of_every_type_come_back_the_same(self, storage: AsyncStorage, column: str) -> None:
        values = (*EXTREMES[column], None)
        rows = await changed(
            storage,
            one_upsert(EVERY_SHAPE, {column: "set"}, *((f"{n:02}", value) for n, value in enumerate(values))),
            of=(EVERY, EVERY_SHAPE),
        )
        assert [row[column] for row in rows] == list(values)
        assert [type(row[column]) for row in rows] == [type(value) for value in values]
        assert [str(row[column]) for row in rows] == [str(value) for value in values]

    @pytest.mark.parametrize("column", [name for name in EXTREMES if name not in ("data", "yes", "text")])
    async def test_min_and_max_hold_at_the_edges_of_every_type(self, storage: AsyncStorage, column: str) -> None:
        values = EXTREMES[column]
        of = (EVERY, EVERY_SHAPE)
        for value in (*values, None):
            batch = one_upsert(EVERY_SHAPE, {column: "min"}, ("min", value))
            await changed(storage, batch, one_upsert(EVERY_SHAPE, {column: "max"}, ("max", value)), of=of)
        rows = await changed(storage, of=of)
        assert [row[column] for row in rows] == [max(values), min(values)]

    @pytest.mark.parametrize("column", [name for name in EXTREMES if name not in ("data", "text")])
    async def test_every_type_but_json_may_be_a_key(self, storage: AsyncStorage, column: str) -> None:
        shape = Shape("table", (Column("k", EVERY_SHAPE.column(column).type), Column("n", Integer, 0)), ("k",))
        of = (Target("keyed", 1), shape)
        values = EXTREMES[column]
        batch = one_upsert(shape, {"n": "add"}, *((value, 1) for value in values))
        rows = await changed(storage, batch, batch, of=of)
        assert [(row["k"], row["n"]) for row in rows] == [(value, 2) for value in sorted(values)]
        assert [row["k"] for row in await changed(storage, TableChanges([(values[0],)]), of=of)] == sorted(values[1:])

    async def test_names_that_sql_reserves_may_be_columns(self, storage: AsyncStorage) -> None:
        shape = Shape(
            "table",
            (
                Column("order", Text),
                Column("user", Uuid),
                Column("group", Integer, 0),
                Column("desc", Date),
                Column("select", Timestamp),
                Column("value", Numeric(5, 1), 0),
            ),
            ("order",),
        )
        of = (Target("table", 1), shape)
        rows = await changed(storage, one_upsert(shape, {"group": "add", "desc": "max"}, ("a", 1, MAY)), of=of)
        expected = {"order": "a", "user": None, "group": 1, "desc": MAY, "select": None, "value": Decimal("0.0")}
        assert rows == [expected]
