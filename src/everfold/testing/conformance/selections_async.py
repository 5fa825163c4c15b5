"""What a reader selects: conditions on columns and on paths into documents, orders, pages. The same everywhere."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Condition, Selection, StoredDocument
from .read_model_domain import DESK, EVERY, EVERY_SHAPE, GUESTS, one_upsert

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
LOW, HIGH = UUID(int=1), UUID(int=2**128 - 1)

TABLE: dict[str, dict[str, Any]] = {
    "a": {"text": "Zoë", "small": 1, "amount": Decimal("9.50"), "yes": True, "day": date(2026, 5, 1), "moment": NOON},
    "b": {"text": "ada", "small": -2, "amount": Decimal("10.00"), "yes": False, "day": date(2026, 4, 30), "token": LOW},
    "c": {
        "text": "",
        "small": 0,
        "amount": Decimal("-1.00"),
        "token": HIGH,
        "moment": NOON + timedelta(microseconds=1),
    },
    "d": {"text": "éva", "big": 2**53 + 1, "yes": True, "day": date(1, 1, 1)},
    "e": {"text": "10", "big": 2**53, "amount": Decimal("0.00"), "moment": NOON - timedelta(days=9999)},
    "f": {},
}
COLUMNS = ("text", "small", "big", "amount", "yes", "day", "moment", "token")

ON_COLUMNS: list[tuple[str, str, Any, str]] = [
    ("text", "=", "ada", "b"),
    ("text", "=", "ADA", ""),
    ("text", "=", None, "f"),
    ("text", "!=", "ada", "acdef"),
    ("text", "!=", None, "abcde"),
    ("text", "<", "ada", "ace"),
    ("text", "<=", "ada", "abce"),
    ("text", ">", "ada", "d"),
    ("text", ">=", "ada", "bd"),
    ("text", "<", None, ""),
    ("text", ">=", None, ""),
    ("text", "in", ("ada", "", "nobody"), "bc"),
    ("text", "in", ("ada", None), "bf"),
    ("text", "in", (), ""),
    ("id", "=", "c", "c"),
    ("id", ">", "d", "ef"),
    ("small", "=", 0, "c"),
    ("small", "<", 1, "bc"),
    ("small", "!=", 0, "abdef"),
    ("small", "in", (0, 1), "ac"),
    ("small", ">=", -2, "abc"),
    ("big", "=", 2**53 + 1, "d"),
    ("big", ">", 2**53, "d"),
    ("amount", "=", Decimal(10), "b"),
    ("amount", "=", 10, "b"),
    ("amount", "<", Decimal("9.51"), "ace"),
    ("amount", ">", 9, "ab"),
    ("amount", "in", (Decimal("0.00"), Decimal("9.5")), "ae"),
    ("yes", "=", True, "ad"),
    ("yes", "=", False, "b"),
    ("yes", "!=", True, "bcef"),
    ("yes", "=", None, "cef"),
    ("yes", "in", (True, None), "acdef"),
    ("day", "=", date(2026, 5, 1), "a"),
    ("day", "<", date(2026, 5, 1), "bd"),
    ("day", ">=", date(1, 1, 1), "abd"),
    ("day", "in", (date(1, 1, 1), date(2026, 4, 30)), "bd"),
    ("moment", "=", NOON.astimezone(timezone(timedelta(hours=9))), "a"),
    ("moment", ">", NOON, "c"),
    ("moment", "<=", NOON, "ae"),
    ("token", "=", HIGH, "c"),
    ("token", "<", HIGH, "b"),
    ("token", "!=", None, "bc"),
]

DOCUMENTS: dict[str, Any] = {
    "a": {"room": 12, "guest": {"name": "Zoë", "vip": True}, "note": "10", "rate": 0.1},
    "b": {"room": 7.5, "guest": {"name": "ada", "vip": False}, "note": 10, "it's a": {"$x y": 1}},
    "c": {"room": -1, "guest": {"name": "éva"}, "note": True, "tags": ["x"]},
    "d": {"room": "12", "guest": {"name": ""}, "note": None},
    "e": {"room": None, "guest": None, "note": 1, "é": "ü"},
    "f": {"room": 2**53 + 1, "guest": "ada", "note": {"x": 1}},
    "g": {},
}

ON_PATHS: list[tuple[str, str, Any, str]] = [
    ("room", "=", 12, "a"),
    ("room", "=", 12.0, "a"),
    ("room", "=", "12", "d"),
    ("room", "=", 7.5, "b"),
    ("room", "=", None, "eg"),
    ("room", "!=", None, "abcdf"),
    ("room", "!=", 12, "bcdefg"),
    ("room", "<", 12, "bc"),
    ("room", "<=", 12, "abc"),
    ("room", ">", 7, "abf"),
    ("room", ">=", 2**53 + 1, "f"),
    ("room", "=", 2**53, ""),
    ("room", ">", "0", "d"),
    ("room", "<", None, ""),
    ("room", "in", (12, "12", None), "adeg"),
    ("room", "in", (), ""),
    ("rate", "=", 0.1, "a"),
    ("rate", "=", Decimal("0.1"), "a"),
    ("rate", ">", Decimal("0.1"), ""),
    ("guest.name", "=", "ada", "b"),
    ("guest.name", "<", "ada", "ad"),
    ("guest.name", ">", "ada", "c"),
    ("guest.name", ">=", "", "abcd"),
    ("guest.name", "=", None, "efg"),
    ("guest.name", "in", ("éva", "Zoë"), "ac"),
    ("guest.vip", "=", True, "a"),
    ("guest.vip", "=", False, "b"),
    ("guest.vip", "!=", True, "bcdefg"),
    ("guest.vip", "=", None, "cdefg"),
    ("guest.name.more", "=", None, "abcdefg"),
    ("note", "=", 1, "e"),
    ("note", "=", True, "c"),
    ("note", "=", "10", "a"),
    ("note", "=", 10, "b"),
    ("note", "<", 100, "be"),
    ("note", "<", "2", "a"),
    ("note", "in", (True, 10), "bc"),
    ("note", "!=", 1, "abcdfg"),
    ("note.x", "=", 1, "f"),
    ("tags.0", "=", "x", ""),
    ("it's a.$x y", "=", 1, "b"),
    ("é", "=", "ü", "e"),
    ("key", "=", "c", "c"),
    ("key", ">", "e", "fg"),
    ("key", "in", ("a", "g", "z"), "ag"),
]


async def filled(storage: AsyncStorage) -> None:
    """The table and the documents, and another tenant's with the same keys."""
    rows = [(key, *(values.get(name) for name in COLUMNS)) for key, values in TABLE.items()]
    batch = one_upsert(EVERY_SHAPE, dict.fromkeys(COLUMNS, "set"), *rows)
    documents = {key: StoredDocument(msgspec.json.encode(content)) for key, content in DOCUMENTS.items()}

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.create_target(EVERY, EVERY_SHAPE)
        await transaction.create_target(DESK, GUESTS)
        for tenant in ("", "other"):
            await transaction.change_rows(tenant, EVERY, EVERY_SHAPE, batch)
            await transaction.save_documents(tenant, DESK, documents, [])
        await transaction.save_documents("other", DESK, {"o": StoredDocument(b'{"room":12}')}, ["a"])

    await storage.transact(work)


async def rows_of(storage: AsyncStorage, **selection: Any) -> str:
    """The ids of the selected rows, in order."""
    found = await storage.select("", EVERY, EVERY_SHAPE, Selection(**selection))
    return "".join(row["id"] for row in found.rows)


async def keys_of(storage: AsyncStorage, tenant: str = "", **selection: Any) -> str:
    """The keys of the selected documents, in order."""
    return "".join((await storage.select(tenant, DESK, GUESTS, Selection(**selection))).documents)


class Conditions:
    async def test_a_condition_on_a_column_holds_for_these_rows(self, storage: AsyncStorage) -> None:
        await filled(storage)
        wrong = []
        for column, operator, value, expected in ON_COLUMNS:
            selection = Selection(where=(Condition(column, operator, value),))
            found = await rows_of(storage, where=selection.where)
            count = (await storage.count("", EVERY, EVERY_SHAPE, selection)).count
            if (found, count) != (expected, len(expected)):
                wrong.append((column, operator, value, found, count, expected))
        assert wrong == []

    async def test_a_condition_on_a_path_holds_for_these_documents(self, storage: AsyncStorage) -> None:
        await filled(storage)
        wrong = []
        for path, operator, value, expected in ON_PATHS:
            selection = Selection(where=(Condition(path, operator, value),))
            found = await keys_of(storage, where=selection.where)
            count = (await storage.count("", DESK, GUESTS, selection)).count
            if (found, count) != (expected, len(expected)):
                wrong.append((path, operator, value, found, count, expected))
        assert wrong == []

    async def test_several_conditions_hold_together(self, storage: AsyncStorage) -> None:
        await filled(storage)
        where = (Condition("yes", "=", True), Condition("amount", ">", 5))
        assert await rows_of(storage, where=where) == "a"
        paths = (Condition("room", ">", 0), Condition("guest.vip", "!=", None))
        assert await keys_of(storage, where=paths) == "ab"

    async def test_rows_hold_every_column_and_documents_their_bytes(self, storage: AsyncStorage) -> None:
        await filled(storage)
        found = await storage.select("", EVERY, EVERY_SHAPE, Selection(where=(Condition("id", "=", "a"),)))
        empty = dict.fromkeys((column.name for column in EVERY_SHAPE.columns), None)
        assert found.rows == [empty | {"id": "a"} | TABLE["a"]]
        assert found.documents == {}
        chosen = await storage.select("", DESK, GUESTS, Selection(where=(Condition("key", "=", "b"),)))
        assert chosen.documents == {"b": StoredDocument(msgspec.json.encode(DOCUMENTS["b"]))}

    async def test_a_tenant_finds_its_own(self, storage: AsyncStorage) -> None:
        await filled(storage)
        assert await keys_of(storage, "other", where=(Condition("room", "=", 12),)) == "o"
        assert await keys_of(storage, "nobody") == ""
        assert (await storage.count("other", DESK, GUESTS, Selection())).count == 7
        assert (await storage.count("nobody", EVERY, EVERY_SHAPE, Selection())).count == 0

    @pytest.mark.parametrize("value", ["' or 1=1 --", '"; drop table x; --', "%", "_", "\\", "%s", "$1", "?"])
    async def test_a_value_is_never_taken_for_sql(self, storage: AsyncStorage, value: str) -> None:
        await filled(storage)
        where = (Condition("text", "=", value),)
        assert (
            await rows_of(storage, where=where),
            await keys_of(storage, where=(Condition("note", "=", value),)),
        ) == ("", "")
        assert await keys_of(storage, where=(Condition(f"room{value}", "!=", None),)) == ""
