"""The lock horizon, stepped through with two connections; and its mutants, each of which must be caught."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import pytest

from everfold.errors import ConfigurationError
from everfold.events.query import Query
from everfold.storage.postgres import read
from everfold.storage.postgres.horizon import Horizon
from everfold.storage.postgres.read import Reader, Span
from everfold.storage.postgres.statements import statements
from everfold.testing.racing import as_thread


class Stepping:
    """A reader's session that does something else first, before a statement is sent for the n-th time."""

    def __init__(self, session, sql):
        self._session = session
        self._names = {text: name for name, text in sql.items()}
        self._steps: dict[tuple[str, int], Callable[[], object]] = {}
        self._sent: dict[str, int] = {}

    def before(self, name: str, step: Callable[[], object], *, time: int = 1) -> None:
        self._steps[name, time] = step

    def _arrive(self, statement: bytes) -> None:
        name = self._names.get(statement, "")
        self._sent[name] = self._sent.get(name, 0) + 1
        self._steps.pop((name, self._sent[name]), lambda: None)()

    def __getattr__(self, verb):
        def asked(statement, *parameters):
            self._arrive(statement)
            return getattr(self._session, verb)(statement, *parameters)

        return asked


class Log:
    """A tailing reader over one session, and writers beside it."""

    def __init__(self, storage, connect, schema, words):
        self.storage, self.schema, self.words = storage, schema, words
        self.sql = statements(schema)
        self.connect = connect
        self.reader = Reader(schema, self.sql)
        self.session = storage._pool.acquire()
        self.stepping = Stepping(self.session, self.sql)
        self.seen: list[int] = []
        self.position = 0

    def commit(self) -> int:
        """Another process appends one event; its position."""
        return self.words.positions(self.storage.commit(self.words.append("committed")))[0]

    def open(self, stream: str = "open"):
        """A transaction that has appended one event and does not end yet."""
        connection = self.connect()
        self.storage.join(connection).commit(self.words.append(stream))
        return connection

    def waste(self) -> None:
        """Leave a gap, so that the reader has a reason to take the horizon."""
        self.open("wasted").rollback()

    def tail(self):
        page = self.reader.log(
            self.stepping, Span.of("", self.position, None, Query(), 1000), backwards=False, beyond_horizon=False
        )
        self.seen += [row[0] for row in page.rows]
        self.position = page.position
        return page

    def stored(self) -> list[int]:
        rows = self.session.fetch(f'select position from "{self.schema}".event order by 1'.encode())
        return [position for (position,) in rows]

    def alter(self, function: str, *changes: tuple[str, str]) -> None:
        """A mutant: the function with pieces of its text replaced."""
        name = f'"{self.schema}".{function}'
        text = self.session.value(f"select pg_get_functiondef('{name}'::regproc)".encode())
        for old, new in changes:
            assert text.count(old) == 1, (old, text)
            text = text.replace(old, new)
        self.session.run(text)


@pytest.fixture
def log(storage, connect, postgres_schema, words):
    opened = Log(storage, connect, postgres_schema, words)
    yield opened
    storage._pool.release(opened.session)


def test_an_open_append_holds_the_reader_and_its_commit_lets_it_go(log):
    late = log.open()
    log.commit()
    held = log.tail()
    assert (held.rows, held.position, held.blocked, held.more) == ([], 0, True, False)
    late.commit()
    log.tail()
    assert log.seen == log.stored() == [1, 2]


def test_a_gap_of_an_append_that_was_rolled_back_is_passed(log):
    late = log.open()
    log.commit()
    log.tail()
    late.rollback()
    page = log.tail()
    assert log.seen == log.stored() == [2]
    assert page.position == 2
    assert not page.blocked


def test_rows_adjacent_to_the_cursor_are_given_though_an_append_below_them_was_open(log):
    """Between adjacent positions nothing can appear, so they need no horizon."""
    log.commit()
    with log.open():
        log.commit()
        page = log.tail()
        assert [row[0] for row in page.rows] == [1]
        assert page.blocked


def test_an_append_rolled_back_to_a_savepoint_frees_the_horizon_and_the_next_one_takes_it_again(log):
    connection = log.connect()
    connection.execute("savepoint before")
    log.storage.join(connection).commit(log.words.append("a"))
    connection.execute("rollback to savepoint before")
    log.commit()
    log.tail()
    assert log.seen == [2]
    log.storage.join(connection).commit(log.words.append("a"))
    log.commit()
    assert log.tail().blocked
    connection.commit()
    log.tail()
    assert log.seen == log.stored() == [2, 3, 4]


def test_a_thousand_appends_in_one_transaction_hold_one_lock(log):
    connection = log.connect()
    target = log.storage.join(connection)
    for _ in range(1000):
        target.commit(log.words.append("a"))
    (locks,) = connection.execute(
        "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'"
    ).fetchone()
    assert locks == 1


def test_a_prepared_append_holds_the_reader_until_it_is_committed(log):
    connection = log.open()
    connection.execute("prepare transaction 'late'")
    log.commit()
    assert log.tail().blocked
    connection.autocommit = True
    connection.execute("commit prepared 'late'")
    log.tail()
    assert log.seen == log.stored() == [1, 2]


def test_an_open_write_transaction_that_appends_nothing_holds_nobody(log):
    connection = log.connect()
    connection.execute("create temporary table mine as select pg_current_xact_id()")
    log.commit()
    log.waste()
    log.commit()
    log.tail()
    assert log.seen == log.stored()


def test_an_open_write_transaction_in_another_database_holds_nobody(log, postgres_url, connect):
    admin = connect(autocommit=True)
    admin.execute(f"create database {log.schema}")
    try:
        elsewhere = connect(dbname=log.schema)
        elsewhere.execute("create table mine as select pg_current_xact_id()")
        log.commit()
        log.waste()
        log.commit()
        log.tail()
        assert log.seen == log.stored()
        elsewhere.close()
    finally:
        admin.execute(f"drop database {log.schema} with (force)")


def test_a_setting_left_behind_by_the_session_does_not_disable_the_lock(log, connect):
    connection = connect(autocommit=True)
    (name,) = connection.execute(f"select 'everfold.horizon_' || '{log.schema}.position_seq'::regclass::oid").fetchone()
    connection.execute(f"set \"{name}\" = '1'")
    with connection.transaction():
        log.storage.join(connection).commit(log.words.append("a"))
        log.commit()
        assert log.tail().blocked


# Every step of the reader against every step of a writer


def appends_between_the_looks(log, *, second: str = "lowest_open") -> None:
    """Between the reader's two looks an append opens, and a later one commits."""
    log.waste()
    log.commit()
    opened = []

    def meanwhile() -> None:
        opened.append(log.open())
        log.commit()

    log.stepping.before(second, meanwhile)
    log.tail()
    opened[0].commit()
    log.tail()


def append_commits_before_the_looks(log) -> None:
    """An append commits after the reader's first statement and before its looks."""
    late = log.open()
    log.commit()
    log.stepping.before("last_drawn", late.commit)
    log.tail()
    log.tail()


def append_open_over_a_read(log) -> None:
    """An append is open while a later one commits and the reader looks."""
    late = log.open()
    log.commit()
    log.tail()
    late.commit()
    log.tail()


def append_stopped_after_its_draw(log, connect, until_waiting) -> None:
    """An append has drawn its position, and whatever else it does has not happened yet."""
    gate = connect()
    gate.execute("select pg_advisory_xact_lock(42)")
    late = connect(autocommit=True)
    call = f'select "{log.schema}".append_one_v1(%s, %s, -1, null, gen_random_uuid(), %s, 1, %s, %s, null)'
    thread = as_thread(lambda: late.execute(call, ("", "late", "t", b"{}", b"{}")))
    until_waiting(late.info.backend_pid)
    log.alter("append_one_v1", (GATE, ""))  # it is for that one append
    log.commit()
    log.tail()
    gate.rollback()
    thread.join(30)
    log.tail()


GATE = "\n  perform pg_advisory_xact_lock_shared(42);"


DRAWN = "returning position into first_position;"
"""Where `append_one_v1` has drawn its position."""


def test_an_append_between_the_looks_is_not_overtaken(log):
    appends_between_the_looks(log)
    assert log.seen == log.stored()


def test_an_append_that_commits_before_the_looks_is_read(log):
    append_commits_before_the_looks(log)
    assert log.seen == log.stored()


def test_an_append_that_has_only_drawn_is_not_overtaken(log, connect, until_waiting):
    log.alter("append_one_v1", (DRAWN, DRAWN + GATE))
    append_stopped_after_its_draw(log, connect, until_waiting)
    assert log.seen == log.stored()


def test_the_mutant_that_takes_the_looks_in_the_other_order_is_caught(log, monkeypatch):
    def swapped(session, sql):
        lowest = session.value(sql["lowest_open"])
        return Horizon(session.value(sql["last_drawn"]), lowest)

    monkeypatch.setattr(read, "take_horizon", swapped)
    appends_between_the_looks(log, second="last_drawn")
    assert set(log.stored()) - set(log.seen) == {3}


def test_the_mutant_that_reads_rows_in_the_snapshot_of_its_looks_is_caught(log):
    with one_snapshot(log.session):
        append_commits_before_the_looks(log)
    assert set(log.stored()) - set(log.seen) == {1}


def test_the_mutant_that_locks_after_it_drew_is_caught(log, connect, until_waiting):
    enter = f'v_entered := "{log.schema}".enter_horizon_v1();'
    log.alter("append_one_v1", (enter, ""), (DRAWN, f"{DRAWN}{GATE}\n  {enter}"))
    append_stopped_after_its_draw(log, connect, until_waiting)
    assert set(log.stored()) - set(log.seen) == {1}


def test_the_mutant_without_parentheses_is_caught_by_a_reader_and_by_the_self_test(log, open_storage):
    log.alter("enter_horizon_v1", ("(1::bigint << 62) | ((", "1::bigint << 62 | ("), ("16383) << 48)", "16383) << 48"))
    append_open_over_a_read(log)
    assert set(log.stored()) - set(log.seen) == {1}
    with pytest.raises(ConfigurationError, match="horizon lock"):
        open_storage().migrate("never")


def test_the_self_test_finds_a_sequence_with_a_cache(log, open_storage):
    log.session.run(f'alter sequence "{log.schema}".position_seq cache 10')
    with pytest.raises(ConfigurationError, match="CACHE 1"):
        open_storage().migrate("never")


def test_the_self_test_finds_nothing_while_other_appends_are_open(log, open_storage):
    with log.open():
        assert open_storage().migrate("never").pending == ()


@contextmanager
def one_snapshot(session):
    session.run(b"begin isolation level repeatable read")
    yield
    session.run(b"rollback")
