"""SQL of the application's own, in conditions and in transactions: the same marks on every database that runs it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ...errors import StatementError
from ...runtime.ids import new_id_bytes
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Condition, Selection
from .needs import needs, without
from .read_model_domain import EVERY, EVERY_SHAPE
from .selections_async import HIGH, NOON, filled, rows_of


@needs("runs_sql")
class SqlConditions:
    """The application's own words: `%s` marks a value, whatever the driver's own mark is."""

    @pytest.mark.parametrize(
        ("sql", "parameters", "expected"),
        [
            ("amount > %s", (Decimal("9.50"),), "b"),
            ("amount > %s and text <> %s", (0, "ada"), "a"),
            ("day = %s or token = %s", (date(2026, 5, 1), HIGH), "ac"),
            ("moment >= %s", (NOON,), "ac"),
            ("yes = %s", (True,), "ad"),
            ("text like '%%a' and text <> '%%s'", (), "bd"),
            ("text = '?' or text = '$1' or small = %s", (1,), "a"),
            ("small is null /* %% ' */", (), "def"),
            ("big = %s", (2**53 + 1,), "d"),
        ],
    )
    async def test_rows_are_selected_by_sql(
        self, storage: AsyncStorage, sql: str, parameters: tuple[Any, ...], expected: str
    ) -> None:
        await filled(storage)
        assert await rows_of(storage, sql=sql, parameters=parameters) == expected
        selection = Selection(sql=sql, parameters=parameters)
        assert (await storage.count("", EVERY, EVERY_SHAPE, selection)).count == len(expected)

    async def test_sql_conditions_orders_and_pages_go_together(self, storage: AsyncStorage) -> None:
        await filled(storage)
        selection = {
            "where": (Condition("text", "!=", "ada"),),
            "sql": "small <= %s or small is null",
            "parameters": (1,),
            "order_by": (("text", True),),
        }
        assert await rows_of(storage, **selection) == "daecf"
        assert await rows_of(storage, **selection, after=("Zoë", "a"), limit=2) == "ec"

    async def test_an_or_in_it_lets_no_other_tenants_rows_in(self, storage: AsyncStorage) -> None:
        await filled(storage)
        assert await rows_of(storage, sql="1 = 1 or 2 = 2") == "abcdef"
        assert await rows_of(storage, sql="1 = 0 or 1 = 1", where=(Condition("small", "=", 1),)) == "a"

    @pytest.mark.parametrize(
        ("sql", "parameters"),
        [
            ("no_such_column = 1", ()),
            ("this is no sql", ()),
            ("small = %s", ()),
            ("small = 1", (1,)),
            ("small = 1)", ()),
        ],
    )
    async def test_sql_that_the_database_refuses_is_an_error(
        self, storage: AsyncStorage, sql: str, parameters: tuple[Any, ...]
    ) -> None:
        await filled(storage)
        selection = Selection(sql=sql, parameters=parameters)
        for verb in (storage.select, storage.count):
            with pytest.raises(StatementError):
                await verb("", EVERY, EVERY_SHAPE, selection)
        assert await rows_of(storage, limit=1) == "a"

    async def test_statements_of_a_transaction_are_part_of_it(self, storage: AsyncStorage) -> None:
        table = f"own_note_{new_id_bytes().hex()}"  # where the application's own tables are is its business

        async def work(transaction: AsyncTransaction) -> Any:
            columns = "n integer, body text, amount numeric(14,2), gone boolean"
            await transaction.execute(f"create table {table} ({columns})", [()])
            rows = [(n, f"é {n} %s ? $1", Decimal("0.50") * n, n == 2) for n in range(1, 4)]
            await transaction.execute(f"insert into {table} values (%s, %s, %s, %s)", rows)
            await transaction.execute(f"delete from {table} where n = %s", [])
            asked = f"select n, body from {table} where amount > %s and n < %s order by n"
            return await transaction.fetch(asked, (0.5, 9))

        assert await storage.transact(work) == [(2, "é 2 %s ? $1"), (3, "é 3 %s ? $1")]

        async def broken(transaction: AsyncTransaction) -> None:
            await transaction.execute(f"drop table {table}", [()])
            raise ZeroDivisionError

        async def counted(transaction: AsyncTransaction) -> Any:
            count = await transaction.fetch(f"select count(*) from {table}", ())
            await transaction.execute(f"drop table {table}", [()])
            return count

        with pytest.raises(ZeroDivisionError):
            await storage.transact(broken)
        assert await storage.transact(counted) == [(3,)]

    async def test_a_statement_that_is_refused_says_so(self, storage: AsyncStorage) -> None:
        async def execute(transaction: AsyncTransaction) -> None:
            await transaction.execute("insert into no_such_table values (%s)", [(1,)])

        async def fetch(transaction: AsyncTransaction) -> None:
            await transaction.fetch("select * from no_such_table", ())

        for work in (execute, fetch):
            with pytest.raises(StatementError):
                await storage.transact(work)


@without("runs_sql")
class WithoutSql:
    async def test_statements_are_refused_and_conditions_are_judged(self, storage: AsyncStorage) -> None:
        await filled(storage)

        async def execute(transaction: AsyncTransaction) -> None:
            await transaction.execute("select 1", [()])

        async def fetch(transaction: AsyncTransaction) -> None:
            await transaction.fetch("select 1", ())

        for work in (execute, fetch):
            with pytest.raises(StatementError):
                await storage.transact(work)
        for verb in (storage.select, storage.count):
            with pytest.raises(StatementError):
                await verb("", EVERY, EVERY_SHAPE, Selection(sql="no_such_column = 1"))
