"""Wake-up: at once in process, soon between processes, and never relied on."""

from __future__ import annotations

import asyncio
from functools import partial

import psycopg
import pytest

from everfold.storage.postgres.wakeup import Wakeup
from everfold.testing.racing import Signal, as_thread

LONG = 30.0
"""Seconds that a waiter would wait; a wake-up that is missed shows as False."""


class Waiter:
    """A thread that waits for events on a store."""

    def __init__(self, storage, hint):
        self.outcome: list[bool] = []
        self._thread = as_thread(lambda: self.outcome.append(storage.wait(hint, LONG)))

    def woken(self) -> bool:
        self._thread.join(LONG + 10)
        return self.outcome == [True]


def test_an_own_commit_wakes_at_once(storage, words):
    hint = storage.hint()
    waiter = Waiter(storage, hint)
    storage.commit(words.append("stay-1"))
    assert waiter.woken()
    assert storage.wait(hint, LONG), "the hint is old by now"


def test_nothing_new_is_a_timeout(storage, words):
    storage.commit(words.append("stay-1"))
    words.everything(storage)
    assert storage.wait(storage.hint(), 0.2) is False


def test_a_commit_of_another_process_wakes(storage, open_storage, words):
    tail = open_storage()
    waiter = Waiter(tail, tail.hint())
    storage.commit(words.append("stay-1"))
    assert waiter.woken()
    assert words.everything(tail) == [1]


def test_a_commit_between_the_read_and_the_wait_wakes(storage, open_storage, words):
    tail = open_storage()
    hint = tail.hint()
    assert words.everything(tail) == []
    storage.commit(words.append("stay-1"))
    assert tail.wait(hint, LONG)


def test_another_tenants_events_do_not_hide_a_commit_between_the_read_and_the_wait(
    storage, open_storage, words, connect
):
    tail = open_storage()
    late = connect()
    storage.join(late).commit(words.append("stay-1"))
    hint = tail.hint()
    assert words.everything(tail, tenant="other") == []
    unit = words.append("stay-1")
    tail.commit(type(unit)("other", unit.appends))
    hint = tail.hint()
    assert words.everything(tail) == []
    late.commit()
    assert tail.wait(hint, LONG)
    assert words.everything(tail) == [1]


def test_a_callers_own_transaction_wakes_when_it_commits(storage, open_storage, connect, words):
    """Nobody announces it: the tracker finds that the open append has ended."""
    tail = open_storage()
    late = connect()
    storage.join(late).commit(words.append("stay-1"))
    storage.commit(words.append("stay-2"))
    hint = tail.hint()
    page = words.log(tail)
    assert page.blocked
    while tail.wait(hint, 0.2):  # until it has looked about
        hint = tail.hint()
    waiter = Waiter(tail, hint)
    late.commit()
    assert waiter.woken()
    assert words.everything(tail) == [1, 2]


def test_it_works_without_a_single_notification(storage, open_storage, words, monkeypatch):
    monkeypatch.setattr(Wakeup, "_send", lambda _self: None)
    tail = open_storage()
    waiter = Waiter(tail, tail.hint())
    storage.commit(words.append("stay-1"))
    assert waiter.woken()


def test_it_works_when_the_listening_connection_is_lost(storage, open_storage, connect, words, postgres_schema):
    tail = open_storage()
    tail.wait(tail.hint(), 0.1)
    admin = connect(autocommit=True)
    killed = admin.execute(
        "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where pid <> pg_backend_pid() "
        "and application_name = 'everfold' and query like %s",
        (f"%{postgres_schema}%",),
    ).fetchone()
    assert killed[0] >= 1
    hint = tail.hint()
    waiter = Waiter(tail, hint)
    storage.commit(words.append("stay-1"))
    assert waiter.woken()


def test_the_last_event_of_a_burst_is_announced(storage, connect, words, postgres_schema):
    listener = connect(autocommit=True)
    listener.execute(f'listen "{postgres_schema}_appended"')
    for _ in range(50):
        storage.commit(words.append("stay-1"))
    storage.close()
    notified = [n.channel for n in listener.notifies(timeout=0.2)]
    assert notified
    assert set(notified) == {f"{postgres_schema}_appended"}
    assert len(notified) < 50, "at most one in ten milliseconds"


def test_closing_wakes_every_waiter(storage):
    storage.migrate("never")
    outcomes: list[bool] = []
    started = Signal()

    def wait() -> None:
        started.set()
        outcomes.append(storage.wait(storage.hint(), LONG))

    threads = [as_thread(wait) for _ in range(4)]
    started.wait()
    storage.close()
    for thread in threads:
        thread.join(10)
    assert outcomes == [False] * 4


def test_nobody_listens_while_nobody_waits(storage, connect, words, postgres_schema):
    storage.commit(words.append("stay-1"))
    words.everything(storage)
    listening = "select count(*) from pg_stat_activity where query = %s"
    admin = connect(autocommit=True)
    statement = f'listen "{postgres_schema}_appended"'
    assert admin.execute(listening, (statement,)).fetchone() == (0,)
    assert storage._wakeup._tracker is None


async def test_tasks_are_woken_by_their_own_process_and_by_others(async_storage, open_storage, words):
    hint = async_storage.hint()
    waiters = [asyncio.create_task(async_storage.wait(hint, LONG)) for _ in range(5)]
    await async_storage.commit(words.append("stay-1"))
    assert await asyncio.gather(*waiters) == [True] * 5
    hint = async_storage.hint()
    waiter = asyncio.create_task(async_storage.wait(hint, LONG))
    await asyncio.to_thread(partial(open_storage().commit, words.append("stay-2")))
    assert await waiter


@pytest.mark.parametrize("times", [3])
async def test_opening_waiting_and_closing_leaves_nothing_behind(postgres_url, postgres_schema, words, connect, times):
    from everfold.storage.postgres.store_async import AsyncPostgresStorage

    for _ in range(times):
        storage = AsyncPostgresStorage(postgres_url, schema=postgres_schema)
        await storage.migrate("auto")
        await storage.commit(words.append("stay-1"))
        assert await storage.wait(storage.hint(), 0.02) in (True, False)
        await storage.close()
    running = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    assert running == []
    admin: psycopg.Connection = connect(autocommit=True)
    left = "select count(*) from pg_stat_activity where application_name = 'everfold' and query like %s"
    for _ in range(500):
        if admin.execute(left, (f"%{postgres_schema}%",)).fetchone() == (0,):
            return
        admin.execute("select pg_sleep(0.01)")
    raise AssertionError("a session was left open")
