"""Orders and pages of what is selected: None last, the key columns last of all, and no row lost or given twice between two pages."""

from __future__ import annotations

from typing import Any

import pytest

from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import Condition, Selection, Shape, Target
from .read_model_domain import DESK, EVERY, EVERY_SHAPE, GUESTS, one_upsert
from .selections_async import DOCUMENTS, TABLE, filled, keys_of, rows_of


class Orders:
    @pytest.mark.parametrize(
        ("order_by", "expected"),
        [
            ((), "abcdef"),
            ((("text", False),), "ceabdf"),
            ((("text", True),), "dbaecf"),
            ((("small", False),), "bcadef"),
            ((("small", True),), "acbdef"),
            ((("yes", False), ("id", True)), "bdafec"),
            ((("day", True),), "abdcef"),
            ((("moment", False),), "eacbdf"),
            ((("amount", False),), "ceabdf"),
            ((("token", True),), "cbadef"),
            ((("big", True), ("amount", True)), "debacf"),
        ],
    )
    async def test_rows_stand_in_the_order_asked_for_and_none_comes_last(
        self, storage: AsyncStorage, order_by: tuple[tuple[str, bool], ...], expected: str
    ) -> None:
        await filled(storage)
        assert await rows_of(storage, order_by=order_by) == expected
        assert await rows_of(storage, order_by=order_by, limit=2) == expected[:2]

    @pytest.mark.parametrize(
        ("order_by", "expected"),
        [
            ((), "abcdefg"),
            ((("key", True),), "gfedcba"),
            ((("guest.name", False),), "dabcefg"),
            ((("guest.name", True),), "cbadefg"),
        ],
    )
    async def test_documents_do_so_too(
        self, storage: AsyncStorage, order_by: tuple[tuple[str, bool], ...], expected: str
    ) -> None:
        await filled(storage)
        assert await keys_of(storage, order_by=order_by) == expected

    async def test_numbers_in_documents_stand_by_their_size(self, storage: AsyncStorage) -> None:
        await filled(storage)
        numbers = (Condition("room", ">=", -1),)
        assert await keys_of(storage, where=numbers, order_by=(("room", False),)) == "cbaf"
        assert await keys_of(storage, where=numbers, order_by=(("room", True),), limit=3) == "fab"

    async def test_a_limit_of_nothing_gives_nothing(self, storage: AsyncStorage) -> None:
        await filled(storage)
        assert (await rows_of(storage, limit=0), await keys_of(storage, limit=0)) == ("", "")

    async def test_a_count_leaves_order_and_page_out_of_account(self, storage: AsyncStorage) -> None:
        await filled(storage)
        page = Selection(order_by=(("text", False),), after=("ada", "b"), limit=1)
        assert (await storage.count("", EVERY, EVERY_SHAPE, page)).count == 6
        assert (await storage.count("", DESK, GUESTS, Selection(after=("c",), limit=1))).count == 7


ORDERS_OF_ROWS: list[tuple[tuple[str, bool], ...]] = [
    (),
    (("text", False),),
    (("text", True),),
    (("small", True), ("text", False)),
    (("yes", True), ("amount", False)),
    (("moment", False), ("day", True)),
    (("big", False),),
    (("token", True), ("yes", False)),
]


class Pages:
    """The page after the last row seen begins where the page before it ended, None or not."""

    @pytest.mark.parametrize("order_by", ORDERS_OF_ROWS, ids=str)
    @pytest.mark.parametrize("size", [1, 2, 5])
    async def test_pages_of_rows_give_each_once_in_order(
        self, storage: AsyncStorage, order_by: tuple[tuple[str, bool], ...], size: int
    ) -> None:
        await filled(storage)
        whole = await rows_of(storage, order_by=order_by)
        seen, after = "", None
        for _ in range(len(whole) + 1):
            selection = Selection(order_by=order_by, after=after, limit=size)
            rows = (await storage.select("", EVERY, EVERY_SHAPE, selection)).rows
            seen += "".join(row["id"] for row in rows)
            if len(rows) < size:
                break
            after = (*(rows[-1][field] for field, _ in order_by), rows[-1]["id"])
        assert seen == whole
        assert sorted(seen) == list(TABLE)

    @pytest.mark.parametrize("field", ["guest.name", "guest.vip", "room", "note", "key"])
    @pytest.mark.parametrize("descending", [False, True], ids=["up", "down"])
    async def test_pages_of_documents_give_each_once_in_order(
        self, storage: AsyncStorage, field: str, descending: bool
    ) -> None:
        """Also where a path holds values of several types: their order is the storage's own, but it is one."""
        await filled(storage)
        order_by = ((field, descending),)
        where = (Condition("key", "!=", "f"),) if field == "note" else ()
        whole = await keys_of(storage, order_by=order_by, where=where)
        seen, after = "", None
        for _ in range(len(whole) + 1):
            page = await keys_of(storage, order_by=order_by, where=where, after=after, limit=1)
            if not page:
                break
            seen += page
            after = (page if field == "key" else at(DOCUMENTS[page], field), page)
        assert seen == whole
        assert sorted(seen) == [key for key in DOCUMENTS if key != "f" or field != "note"]

    async def test_paging_by_a_key_of_two_columns(self, storage: AsyncStorage) -> None:
        shape = Shape("table", (EVERY_SHAPE.column("small"), EVERY_SHAPE.column("text")), ("small", "text"))
        target = Target("pairs", 1)
        pairs = [(number, text) for number in (-1, 0, 5) for text in ("", "a", "é")]

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.create_target(target, shape)
            await transaction.change_rows("", target, shape, one_upsert(shape, {}, *reversed(pairs)))

        await storage.transact(work)
        seen: list[Any] = []
        while page := await page_after(storage, target, shape, seen[-1] if seen else None):
            seen += page
        assert seen == pairs

    async def test_a_page_after_what_is_gone_goes_on_behind_it(self, storage: AsyncStorage) -> None:
        await filled(storage)
        assert await keys_of(storage, after=("bb",), limit=2) == "cd"
        assert await rows_of(storage, order_by=(("small", True),), after=(0, "cc")) == "bdef"
        assert await keys_of(storage, where=(Condition("room", "<", 12),), after=("b",)) == "c"


async def page_after(storage: AsyncStorage, target: Target, shape: Shape, after: Any) -> list[tuple[Any, ...]]:
    found = await storage.select("", target, shape, Selection(after=after, limit=2))
    return [tuple(row.values()) for row in found.rows]


def at(content: Any, path: str) -> Any:
    for step in path.split("."):
        content = content.get(step) if isinstance(content, dict) else None
    return content
