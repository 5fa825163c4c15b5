"""Servers that can't be reached, are full, restart under load, or whose reply is lost on the way."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial

import psycopg
import pytest

from everfold.errors import (
    CommitUnknownError,
    ConfigurationError,
    SchemaError,
    StorageUnavailableError,
    StoreClosedError,
)
from everfold.storage.postgres.store import PostgresStorage
from everfold.storage.postgres.store_async import AsyncPostgresStorage
from everfold.storage.unit import Unit
from everfold.testing.racing import Signal, as_thread, race


class Proxy:
    """Between a store and its server. It cuts the connection instead of passing on the reply to what it is told of."""

    def __init__(self, server: tuple[str, int] | str) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.dropped = Signal()
        self._marks: list[bytes] = []
        as_thread(self._accept)

    def lose_reply_to(self, mark: bytes) -> None:
        """To the next message that these bytes stand in."""
        self._marks.append(mark)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._dial()
                lost = threading.Event()
                as_thread(partial(self._pump, client, server, partial(self._look, lost)))
                as_thread(partial(self._pump, server, client, partial(self._drop, lost)))

    def _look(self, lost: threading.Event, data: bytes) -> bool:
        """Upstream: whether this is the message whose reply gets lost."""
        for mark in [mark for mark in self._marks if mark in data]:
            self._marks.remove(mark)
            lost.set()
        return False

    def _drop(self, lost: threading.Event, data: bytes) -> bool:
        """Downstream: the server has answered, so the transaction is committed; now the answer gets lost."""
        if lost.is_set():
            self.dropped.set()
        return lost.is_set()

    def _dial(self) -> socket.socket:
        if isinstance(self._server, tuple):
            return socket.create_connection(self._server)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        return server

    def _pump(self, source: socket.socket, target: socket.socket, stops: Callable[[bytes], bool]) -> None:
        with suppress(OSError):
            while (data := source.recv(65536)) and not stops(data):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxied(postgres_url, storage, open_storage) -> Iterator[tuple[PostgresStorage, Proxy]]:
    """A store that reaches the server through a proxy."""
    with closing(psycopg.connect(postgres_url)) as connection:
        host, port = connection.info.host, connection.info.port
    proxy = Proxy(f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port))
    url = psycopg.conninfo.make_conninfo(postgres_url, host="127.0.0.1", port=proxy.port)
    yield open_storage(url=url, group_commit=True), proxy
    proxy.close()


def test_a_lost_reply_is_said_to_be_unknown_and_the_same_append_sent_again_gives_its_first_result(
    proxied, storage, words
):
    through, proxy = proxied
    through.commit(words.append("stay-1", 0))
    unit = words.append("stay-1", 1)
    proxy.lose_reply_to(unit.appends[0].events[0].id)
    with pytest.raises(CommitUnknownError, match="Send it again"):
        through.commit(unit)
    assert proxy.dropped.is_set()
    again = through.commit(unit)
    assert again.repeated
    assert words.positions(again) == [2]
    assert words.everything(storage) == [1, 2]


def test_a_lost_reply_to_a_transactions_commit_is_said_to_be_unknown(proxied, storage, words):
    through, proxy = proxied
    proxy.lose_reply_to(b"commit\0")
    with pytest.raises(CommitUnknownError):
        through.transact(lambda tx: tx.commit(words.append("stay-1", 0)))
    assert proxy.dropped.is_set()
    assert words.everything(storage) == [1]


def test_a_reply_lost_before_the_commit_is_said_to_have_left_nothing(proxied, storage, words):
    through, proxy = proxied
    unit = words.append("stay-1", 0)
    proxy.lose_reply_to(unit.appends[0].events[0].id)
    with pytest.raises(StorageUnavailableError):
        through.transact(lambda tx: tx.commit(unit))
    assert words.everything(storage) == []
    through.transact(lambda tx: tx.commit(unit))
    assert words.positions(storage.commit(unit)) == words.everything(storage)


@pytest.mark.parametrize("expected", [-1, -2])
def test_a_repetition_without_an_exact_version_is_stored_once_too(proxied, storage, words, expected):
    through, proxy = proxied
    through.commit(words.append("stay-1", 0))
    unit = words.append("stay-1", expected, *words.events(3))
    proxy.lose_reply_to(unit.appends[0].events[0].id)
    with pytest.raises(CommitUnknownError):
        through.commit(unit)
    assert words.positions(through.commit(unit)) == [2, 3, 4]
    assert words.positions(storage.commit(words.append("stay-1", 4))) == [5]


def test_a_read_whose_reply_is_lost_is_asked_again(proxied, words):
    through, proxy = proxied
    through.commit(words.append("stay-1", 0))
    proxy.lose_reply_to(b"stay-1")
    assert len(words.stream(through, "stay-1").rows) == 1
    assert proxy.dropped.is_set()


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_before_anything_is_sent(
    storage, open_storage, connect, words, postgres_schema
):
    named = open_storage()
    named.commit(words.append("stay-1", 0))
    connect(autocommit=True).execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid <> pg_backend_pid() "
        "and application_name = 'everfold' and query like %s",
        (f"%{postgres_schema}%",),
    )
    assert words.positions(named.commit(words.append("stay-1", 1))) == [2]
    assert words.positions(storage.commit(words.append("stay-1", 2))) == [3]


def test_a_server_that_is_not_there_is_named_at_once(words):
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        port = unused.getsockname()[1]
    storage = PostgresStorage(f"postgresql://someone:hush-hush@127.0.0.1:{port}/db")
    for ask in (
        partial(storage.commit, words.append("a")),
        partial(storage.head, ""),
        partial(storage.migrate, "auto"),
    ):
        with pytest.raises(StorageUnavailableError, match=str(port)) as raised:
            ask()
        assert "hush" not in str(raised.value)
    storage.close()


def test_a_wrong_password_is_said_without_the_password(storage, connect, own_postgres):
    server = own_postgres()
    with closing(psycopg.connect(server.url, autocommit=True)) as admin:
        admin.execute("create role guest login password 'right'")
        (file,) = admin.execute("show hba_file").fetchone()
        admin.execute(
            f"copy (select 'local all guest scram-sha-256' union all select 'local all all trust') to '{file}'"
        )
        admin.execute("select pg_reload_conf()")
    url = psycopg.conninfo.make_conninfo(server.url, user="guest", password="hush-hush")
    guest = PostgresStorage(url, connect_timeout_seconds=5)
    with pytest.raises(StorageUnavailableError, match="password authentication failed") as raised:
        until(guest.schema_status, SchemaError)
    assert "hush" not in str(raised.value)
    guest.close()


def until(ask, passing) -> None:
    """Ask until something else comes: the server reads its changed configuration in its own time."""
    for _ in range(2000):
        with suppress(passing):
            ask()


@pytest.mark.parametrize("url", ["no such thing hush", "postgresql://u:hush@h/db?nonsense=1"])
def test_a_url_that_can_not_be_understood_is_not_repeated(url):
    with pytest.raises(ConfigurationError) as raised:
        PostgresStorage(url)
    assert "hush" not in str(raised.value)


def test_a_pool_in_full_use_says_so_after_its_timeout(storage, open_storage, words):
    small = open_storage(pool_size=2, pool_timeout_seconds=0.05)
    sessions = [small._pool.acquire(), small._pool.acquire()]
    with pytest.raises(StorageUnavailableError, match="all 2 connections"):
        small.head("")
    small._pool.release(sessions.pop())
    assert small.head("") == 0
    small._pool.release(sessions.pop())


def test_callers_that_wait_for_a_connection_get_the_one_that_is_given_back(storage, open_storage):
    small = open_storage(pool_size=2)
    outcomes = race([partial(small.head, "") for _ in range(20)])
    assert outcomes == [0] * 20


def test_a_server_without_a_free_connection_is_named(storage, connect, own_postgres):
    server = own_postgres(max_connections="5", superuser_reserved_connections="0", reserved_connections="0")
    held = [psycopg.connect(server.url) for _ in range(5)]
    crowded = PostgresStorage(server.url)
    with pytest.raises(StorageUnavailableError, match="too many clients"):
        crowded.head("")
    held.pop().close()
    crowded.close()
    for connection in held:
        connection.close()


def test_a_lock_that_is_held_for_long_is_an_error_that_says_nothing_was_written(storage, open_storage, connect, words):
    storage.commit(words.append("stay-1", 0))
    holder = connect()
    storage.join(holder).commit(words.append("stay-1", 1))
    impatient = open_storage(pool_timeout_seconds=0.1)
    with pytest.raises(StorageUnavailableError, match="nothing was written"):
        impatient.commit(words.append("stay-1", -1))
    holder.rollback()
    assert words.positions(impatient.commit(words.append("stay-1", 1))) != [2]


def test_a_deadlock_is_repeated_inside(storage, connect, words, until_waiting):
    """The caller holds `a` and wants `b`, the store's unit holds `b`'s row and wants `a`."""
    storage.commit(words.append("b-1", 0))
    storage.commit(words.append("a-1", 0))
    connection = connect()
    joined = storage.join(connection)
    joined.commit(words.append("a-1", 1))
    unit = Unit("", (*words.append("b-1").appends, *words.append("a-1").appends))
    outcomes: list[object] = []
    thread = as_thread(lambda: outcomes.append(storage.commit(unit)))
    watcher = connect(autocommit=True)
    (pid,) = until_blocked_by(watcher, connection.info.backend_pid)
    assert pid
    with suppress(StorageUnavailableError):
        joined.commit(words.append("b-1", -1))
    connection.commit()
    thread.join(30)
    assert len(outcomes) == 1
    assert len(words.everything(storage)) in (5, 6)


def until_blocked_by(watcher: psycopg.Connection, pid: int) -> tuple[int]:
    for _ in range(3000):
        row = watcher.execute(
            "select pid from pg_stat_activity where %s = any (pg_blocking_pids(pid))", (pid,)
        ).fetchone()
        if row is not None:
            return row
        watcher.execute("select pg_sleep(0.01)")
    raise AssertionError("nobody waits for it")


def test_every_call_after_close_says_so(storage, words):
    storage.close()
    storage.close()
    for ask in (partial(storage.commit, words.append("a")), partial(storage.head, ""), partial(words.log, storage)):
        with pytest.raises(StoreClosedError):
            ask()
    assert storage.wait(storage.hint(), 5.0) is False


def test_acknowledged_appends_survive_a_crash_of_the_server_under_load(own_postgres, words):
    """Four writers, three immediate shutdowns: what was acknowledged is there once, what is unknown is sent again."""
    server = own_postgres()
    storage = PostgresStorage(server.url, pool_size=8)
    storage.migrate("auto")
    acknowledged: list[list[bytes]] = [[] for _ in range(4)]
    crashes = [Signal() for _ in range(3)]
    unknown = threading.Event()

    def write(number: int) -> None:
        version, unit = 0, words.append(f"stay-{number}", 0)
        while len(acknowledged[number]) < 400:
            try:
                storage.commit(unit)
            except CommitUnknownError:
                unknown.set()
                continue
            except StorageUnavailableError:
                continue
            acknowledged[number].append(unit.appends[0].events[0].id)
            version += 1
            unit = words.append(f"stay-{number}", version)
            if number == 0 and version % 100 == 0 and version < 400:
                crashes[version // 100 - 1].set()

    def crash() -> None:
        for signal in crashes:
            signal.wait()
            server.restart("immediate")

    outcomes = race([*(partial(write, number) for number in range(4)), crash])
    assert outcomes == [None] * 5
    for number in range(4):
        rows = words.stream(storage, f"stay-{number}").rows
        assert [row[5] for row in rows] == acknowledged[number]
        assert [row[2] for row in rows] == list(range(1, 401))
    storage.close()


async def test_a_cancelled_caller_harms_neither_the_connection_nor_the_others(async_storage, words):
    tasks = [asyncio.create_task(async_storage.commit(words.append(f"stay-{n}", 0))) for n in range(60)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert kept == [n for n in range(60) if n % 3]
    for n in kept:
        assert (await async_storage.stream_row("", f"stay-{n}")).version == 1
    assert (await async_storage.commit(words.append("after", 0))).appends[0].version == 1


async def test_a_pool_gives_a_place_on_when_its_waiter_is_cancelled(postgres_url, async_storage, postgres_schema):
    small = AsyncPostgresStorage(postgres_url, schema=postgres_schema, pool_size=2)
    sessions = [await small._pool.acquire(), await small._pool.acquire()]
    waiting = [asyncio.create_task(small.head("")) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await small._pool.release(sessions[0])
    waiting[1].cancel()
    assert await asyncio.gather(*waiting[2:]) == [0, 0]
    await small._pool.release(sessions[1])
    await small.close()
