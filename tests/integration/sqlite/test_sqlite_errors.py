"""What each of SQLite's errors means to a caller."""

from __future__ import annotations

import sqlite3

import pytest

from everfold.errors import (
    CommitUnknownError,
    SchemaError,
    StorageError,
    StorageUnavailableError,
    StoreClosedError,
)
from everfold.storage.sqlite.errors import is_busy, translate


def raised(code: int, text: str, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = kind(text)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "meant", "advice"),
    [
        (raised(sqlite3.SQLITE_BUSY, "database is locked"), StorageUnavailableError, "transaction that stays open"),
        (raised(sqlite3.SQLITE_BUSY_SNAPSHOT, "database is locked"), StorageUnavailableError, "Send it again"),
        (raised(sqlite3.SQLITE_LOCKED, "database table is locked"), StorageUnavailableError, "Send it again"),
        (raised(sqlite3.SQLITE_FULL, "database or disk is full"), StorageUnavailableError, "Make room"),
        (raised(sqlite3.SQLITE_IOERR_READ, "disk I/O error"), StorageUnavailableError, "system's log"),
        (raised(sqlite3.SQLITE_CANTOPEN, "unable to open database file"), StorageUnavailableError, "folder"),
        (raised(sqlite3.SQLITE_READONLY_DIRECTORY, "readonly database"), StorageUnavailableError, "right to write"),
        (raised(sqlite3.SQLITE_NOTADB, "file is not a database", sqlite3.DatabaseError), SchemaError, "another file"),
        (raised(sqlite3.SQLITE_CORRUPT, "malformed", sqlite3.DatabaseError), StorageError, "restore a backup"),
        (raised(sqlite3.SQLITE_ERROR, "no such table: event"), SchemaError, "everfold --db sqlite:///store.db migrate"),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), StoreClosedError, "open it again"),
        (raised(sqlite3.SQLITE_CONSTRAINT_CHECK, "CHECK failed", sqlite3.IntegrityError), StorageError, "refused"),
    ],
)
def test_an_error_says_what_it_means_and_what_to_do(error, meant, advice):
    translated = translate(error, "store.db")
    assert type(translated) is meant
    assert advice in str(translated)
    assert translated.__cause__ is error


def test_a_full_disk_at_the_commit_was_rolled_back():
    translated = translate(raised(sqlite3.SQLITE_FULL, "database or disk is full"), "store.db", committing=True)
    assert type(translated) is StorageUnavailableError
    assert "the commit failed and was rolled back" in str(translated)


def test_a_flush_that_failed_leaves_the_outcome_unknown():
    error = raised(sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error")
    assert type(translate(error, "store.db", committing=True)) is CommitUnknownError
    assert type(translate(error, "store.db")) is StorageUnavailableError


def test_only_a_held_lock_is_worth_waiting_for():
    assert is_busy(raised(sqlite3.SQLITE_BUSY_RECOVERY, "database is locked"))
    assert not is_busy(raised(sqlite3.SQLITE_LOCKED, "database table is locked"))
    assert not is_busy(sqlite3.OperationalError("made by the module itself"))
