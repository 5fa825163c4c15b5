"""What is stored stays as it is: the database itself refuses to change or delete an event."""

from __future__ import annotations

import pytest

import everfold as ef

from .backend_async import AsyncBackend
from .domain import Noted, notes
from .needs import needs
from .reading_async import log_of

TAGGED = [ef.NewEvent(Noted(text), tags=["room:1"]) for text in ("a", "b")]
STATEMENTS = [
    "update {prefix}event set type = 'forged'",
    "update {prefix}event set data = metadata",
    "update {prefix}event set position = position + 1000",
    "delete from {prefix}event",
    "delete from {prefix}event where version = 1",
    "update {prefix}event_tag set tag = 'forged'",
    "delete from {prefix}event_tag",
]


@needs("joins", "enforces_immutability")
class Immutability:
    @pytest.mark.parametrize("statement", STATEMENTS)
    async def test_the_database_refuses(self, backend: AsyncBackend, statement: str) -> None:
        store = await backend.open()
        await store.append("stay-1", TAGGED, expected_version=0)
        before = [(e, e.raw, e.tags) for e in await log_of(store, query=ef.Query(tags=["room:1"]))]
        caller = await backend.caller()
        statement = statement.format(prefix=backend.prefix)
        table = statement.split()[1 if statement.startswith("update") else 2]
        assert await caller.rows(f"select count(*) from {table}") == [(2,)]
        with pytest.raises(Exception) as caught:  # the driver's own, whichever driver it is
            await caller.execute(statement)
        assert not isinstance(caught.value, ef.EverfoldError)
        await caller.rollback()
        assert [(e, e.raw, e.tags) for e in await log_of(store, query=ef.Query(tags=["room:1"]))] == before

    async def test_a_refused_change_leaves_the_store_in_use(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await store.append("stay-1", notes(1), expected_version=0)
        caller = await backend.caller()
        with pytest.raises(Exception) as caught:  # the driver's own, whichever driver it is
            await caller.execute(f"delete from {backend.prefix}event")
        assert not isinstance(caught.value, ef.EverfoldError)
        await caller.rollback()
        assert (await store.append("stay-1", notes(1), expected_version=1)).version == 2
