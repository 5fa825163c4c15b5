"""Whoever waits is woken by any commit, of any connection, and by the end of the store."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from everfold.storage.sqlite.store import SqliteStorage

SOON_SECONDS = 20
SHORT_SECONDS = 0.06


class Waiter:
    """A thread that waits; `began` says that it took its hint."""

    def __init__(self, storage: SqliteStorage) -> None:
        self.began = threading.Event()
        self.woken: bool | None = None
        self._storage = storage
        self._thread = threading.Thread(target=self._wait)
        self._thread.start()
        assert self.began.wait(SOON_SECONDS)

    def _wait(self) -> None:
        hint = self._storage.hint()
        self.began.set()
        self.woken = self._storage.wait(hint, SOON_SECONDS)

    def result(self) -> bool | None:
        self._thread.join(SOON_SECONDS)
        return self.woken


def test_nothing_came_within_the_timeout(storage, words):
    storage.commit(words.append("stay-1", 0))
    assert storage.wait(storage.hint(), SHORT_SECONDS) is False
    assert storage.wait(storage.hint(), 0) is False


def test_a_commit_before_the_wait_is_not_missed(storage, another, words):
    for writer in (storage, another):
        hint = storage.hint()
        writer.commit(words.append("stay-1"))
        assert storage.wait(hint, SOON_SECONDS) is True


@pytest.mark.parametrize("waiters", [1, 5])
def test_a_commit_in_this_process_wakes_every_waiter(storage, words, waiters):
    waiting = [Waiter(storage) for _ in range(waiters)]
    storage.commit(words.append("stay-1", 0))
    assert [one.result() for one in waiting] == [True] * waiters


@pytest.mark.parametrize("waiters", [1, 5])
def test_a_commit_on_another_connection_wakes_every_waiter(storage, another, words, waiters):
    waiting = [Waiter(storage) for _ in range(waiters)]
    another.commit(words.append("stay-1", 0))
    assert [one.result() for one in waiting] == [True] * waiters


def test_a_joined_transaction_wakes_when_its_caller_commits(storage, raw, words):
    waiting = Waiter(storage)
    storage.join(raw).commit(words.append("stay-1", 0))
    raw.commit()
    assert waiting.result() is True


def test_closing_wakes_every_waiter(storage):
    waiting = [Waiter(storage) for _ in range(3)]
    storage.close()
    assert [one.result() for one in waiting] == [False] * 3
    assert storage.wait(storage.hint(), SOON_SECONDS) is False


def test_the_next_waiter_polls_when_the_one_that_did_is_gone(storage, another, words):
    waiting = Waiter(storage)
    assert storage.wait(storage.hint(), SHORT_SECONDS) is False
    storage.commit(words.append("stay-1", 0))
    assert waiting.result() is True
    hint = storage.hint()
    another.commit(words.append("stay-1", 1))
    assert storage.wait(hint, SOON_SECONDS) is True


async def test_tasks_are_woken_by_both_kinds_of_commit(async_storage, path, words):
    hint = async_storage.hint()
    assert await async_storage.wait(hint, SHORT_SECONDS) is False
    waiting = [asyncio.create_task(async_storage.wait(hint, SOON_SECONDS)) for _ in range(5)]
    await async_storage.commit(words.append("stay-1", 0))
    assert await asyncio.gather(*waiting) == [True] * 5
    hint = async_storage.hint()
    waiting = [asyncio.create_task(async_storage.wait(hint, SOON_SECONDS)) for _ in range(5)]
    with closing(sqlite3.connect(path)) as connection:
        async_storage_target = async_storage.join(connection)
        await async_storage_target.commit(words.append("stay-1", 1))
        connection.commit()
    assert await asyncio.gather(*waiting) == [True] * 5


async def test_closing_wakes_waiting_tasks(async_storage):
    waiting = [asyncio.create_task(async_storage.wait(async_storage.hint(), SOON_SECONDS)) for _ in range(3)]
    await asyncio.sleep(0)
    await async_storage.close()
    assert await asyncio.gather(*waiting) == [False] * 3
