"""Kills, full disks, held locks, damaged files: what was acknowledged is there, what was not is there whole or not at all."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from everfold.errors import StorageError, StorageUnavailableError
from everfold.storage.sqlite.connections import Options, abandon, connect
from everfold.storage.sqlite.store import SqliteStorage

UNIT_EVENTS = 5


def check_whole(storage: SqliteStorage, words, acked: int) -> None:
    """The file holds whole units only, every acknowledged one among them, and versions without holes."""
    log = words.everything(storage)
    units = len(log) // UNIT_EVENTS
    assert len(log) % UNIT_EVENTS == 0
    assert acked <= units <= acked + 1
    assert [row[0] for row in log] == list(range(1, len(log) + 1))
    for name, events in (("stay-1", 3), ("stay-2", 2)):
        page = words.stream(storage, name)
        assert [row[2] for row in page.rows] == list(range(1, units * events + 1))
        assert page.version == units * events
    snapshot = storage.load_snapshot("", "stay-1", "stay", 1)
    assert (snapshot.version if snapshot else 0) == units * 3


def test_a_writer_killed_between_any_two_steps_leaves_whole_units(tmp_path, words, start_program):
    stopped: list[str] = []
    for step in itertools.count(1):
        path = str(tmp_path / f"step-{step}.db")
        program = start_program("steps", path, step)
        acked = 0
        for line in program.stdout:
            if not line.startswith("acked"):
                break
            acked += 1
        program.kill()
        program.wait()
        with closing(SqliteStorage(path)) as storage, closing(sqlite3.connect(path)) as raw:
            storage.migrate("never")
            check_whole(storage, words, acked)
            assert raw.execute("pragma integrity_check").fetchone() == ("ok",)
            assert raw.execute("select count(*) from everfold_event_tag").fetchone() == (
                len(words.everything(storage)),
            )
            assert storage.commit(words.append("stay-1")).appends[0].version % 3 == 1
        if line.startswith("done"):
            break
        stopped.append(line.split()[1])
    # each kind of statement was stopped before, in the first unit and in the second
    assert stopped.count("commit") == stopped.count("begin") == 2
    assert stopped.count("insert") >= 12
    assert {"select", "update", "between-units"} <= set(stopped)


def test_a_full_disk_loses_nothing_and_writes_nothing_half(storage, words, raw):
    connection = storage._database.writer.connection()
    (pages,) = connection.execute("pragma page_count").fetchone()
    connection.execute(f"pragma max_page_count = {pages + 20}")

    def append_until_full() -> None:
        while True:
            version = words.stream(storage, "stay-1", limit=1).version
            storage.commit(words.append("stay-1", version, events=words.events(50)))
            acked.append(version + 50)

    acked: list[int] = [0]
    with pytest.raises(StorageUnavailableError, match=r"full; nothing was written: .*Make room"):
        append_until_full()
    assert len(acked) > 1
    assert [row[2] for row in words.stream(storage, "stay-1").rows] == list(range(1, acked[-1] + 1))
    assert raw.execute("pragma integrity_check").fetchone() == ("ok",)
    # room was made: the connection is a new one, without the bound
    assert storage.commit(words.append("stay-1", acked[-1])).appends[0].version == acked[-1] + 1


def test_a_lock_held_too_long_is_unavailable_and_nothing_was_written(path, storage, words, raw):
    with closing(SqliteStorage(path, busy_timeout_seconds=0.02)) as hurried:
        raw.execute("begin immediate")
        with pytest.raises(StorageUnavailableError, match="locked; nothing was written"):
            hurried.commit(words.append("stay-1", 0))
        assert words.everything(hurried) == []
        raw.execute("rollback")
        assert hurried.commit(words.append("stay-1", 0)).appends[0].version == 1


def test_a_lock_held_for_a_while_is_waited_for(storage, words, raw):
    raw.execute("begin immediate")
    found = []
    waiting = threading.Thread(target=lambda: found.append(storage.commit(words.append("stay-1", 0))))
    waiting.start()
    assert found == []
    raw.execute("commit")
    waiting.join()
    assert found[0].appends[0].version == 1


def test_an_abandoned_connection_lets_go_of_its_lock_while_a_cursor_lives(path, storage, raw):
    connection = connect(Options(path))
    cursor = connection.execute("begin immediate")
    cursor.execute("select name from sqlite_master")
    abandon(connection)
    raw.execute("pragma busy_timeout = 0")
    raw.execute("begin immediate")
    raw.execute("rollback")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        cursor.fetchone()


def test_readers_never_wait_for_a_writer(storage, words, raw):
    storage.commit(words.append("stay-1", 0))
    raw.execute("begin immediate")
    raw.execute("update everfold_stream set updated_at = 0")
    assert storage.head("") == 1
    assert len(words.stream(storage, "stay-1").rows) == 1
    raw.execute("rollback")


def test_a_damaged_file_is_said_to_be_damaged(path, words):
    with closing(SqliteStorage(path)) as storage:
        storage.migrate("auto")
        for number in range(40):
            storage.commit(words.append(f"stay-{number}", 0, events=words.events(40)))
    content = bytearray(Path(path).read_bytes())
    half = len(content) // 2
    content[half:] = b"\xff" * (len(content) - half)
    Path(path).write_bytes(content)
    with closing(SqliteStorage(path)) as storage, pytest.raises(StorageError, match="restore a backup"):
        words.everything(storage)


def test_an_interrupted_read_gives_its_connection_back(storage, words):
    def interrupted(cursor: sqlite3.Cursor) -> None:
        cursor.execute("select 1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage._database.read(interrupted)
    storage.commit(words.append("stay-1", 0))
    assert storage.head("") == 1


def test_a_forked_child_is_refused_and_harms_nothing(path, start_program):
    program = start_program("forked", path)
    answers, _ = program.communicate(timeout=30)
    assert answers.splitlines() == [
        "child: StoreClosedError",
        "child: StoreClosedError",
        "child: False",
        "child: 2",
        "parent: 3 3",
    ]
