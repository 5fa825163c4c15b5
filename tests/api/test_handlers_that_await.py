"""What only stores for tasks have: handlers that are coroutines, and a worker of their own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.api.hotel_of_the_page import GuestCheckedIn, check_in, module, revenue

import everfold as ef


@pytest.mark.parametrize("manner", ["plain", "async"])
async def test_handlers_of_own_tables_are_plain_or_async(durable_url: str, own_table: str, manner: str) -> None:
    audit = ef.HandlerProjection("audit", version=1)
    seen: list[Any] = []

    @audit.setup
    def tables(transaction: Any) -> None:
        transaction.execute(f"create table if not exists {transaction.table(own_table)} (guest text)")

    if manner == "plain":

        @audit.on(GuestCheckedIn)
        def note(transaction: Any, recorded: ef.RecordedEvent) -> None:
            transaction.execute(f"insert into {transaction.table(own_table)} values (%s)", (recorded.event.guest_id,))
            seen.append(recorded.event.guest_id)

    else:

        @audit.on(GuestCheckedIn)
        async def note_async(transaction: Any, recorded: ef.RecordedEvent) -> None:
            await transaction.execute(
                f"insert into {transaction.table(own_table)} values (%s)", (recorded.event.guest_id,)
            )
            seen.extend(await transaction.fetch(f"select guest from {transaction.table(own_table)} order by guest"))

    async with ef.AsyncEventStore.open(durable_url, module(audit)) as store:
        await check_in(store, 12)
        await check_in(store, 13, "bob")
        await ef.AsyncWorker(store).run_until_caught_up()
    expected = ["ada", "bob"] if manner == "plain" else [("ada",), ("ada",), ("bob",)]
    assert [item if isinstance(item, str) else tuple(item) for item in seen] == expected


async def test_a_worker_of_the_other_kind_of_store_is_refused(url: str) -> None:
    async with ef.AsyncEventStore.open(url, module(revenue())) as store:
        with pytest.raises((TypeError, ef.ConfigurationError), match="Async"):
            ef.Worker(store)
    with (
        ef.EventStore.open("memory://", module(revenue())) as plain,
        pytest.raises((TypeError, ef.ConfigurationError), match="Worker"),
    ):
        ef.AsyncWorker(plain)
