"""What SQLite's errors mean to a caller: the one place where they are translated.

Every failure means that nothing was written, except where the commit itself failed and SQLite can't say what is on
the disk: that one is a CommitUnknownError.
"""

from __future__ import annotations

import sqlite3

from ...errors import (
    CommitUnknownError,
    EverfoldError,
    SchemaError,
    StatementError,
    StorageError,
    StorageUnavailableError,
    StoreClosedError,
)

__all__ = ["is_busy", "migrate_command", "translate", "translate_statement"]

_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: "another process or connection held the write lock for longer than the busy timeout. "
    "Send it again, and look for a transaction that stays open",
    sqlite3.SQLITE_LOCKED: "a table was locked by another statement of the same connection. Send it again",
    sqlite3.SQLITE_FULL: "the disk, or the size that the file may have, is full. Make room, then send it again",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write. Look at the system's log, then send it again",
    sqlite3.SQLITE_CANTOPEN: "the file, or its -wal and -shm beside it, can't be opened. Look whether the folder "
    "exists and this user may write in it",
    sqlite3.SQLITE_READONLY: "this user may only read the file or its folder. Give the right to write to both",
    sqlite3.SQLITE_PERM: "this user may not open the file. Give the right to read and write",
    sqlite3.SQLITE_NOMEM: "SQLite got no memory. Append less at once",
    sqlite3.SQLITE_INTERRUPT: "the statement was interrupted. Send it again",
}
_UNKNOWN_AFTER_COMMIT = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NO_STORE = ("no such table", "no such column", "has no column")


def translate(error: sqlite3.Error, path: str, *, committing: bool = False) -> EverfoldError:
    """The everfold error that `error` means, with it as the cause. `committing`: COMMIT itself raised it."""
    meant = _meaning(error, path, committing)
    meant.__cause__ = error
    return meant


def translate_statement(error: Exception, path: str) -> EverfoldError:
    """The same for a statement with the application's own words or values: what isn't the file's or the disk's is theirs."""
    if isinstance(error, sqlite3.Error):
        code = _primary(error)
        if code in _UNAVAILABLE or code in _DAMAGED or "closed" in str(error):
            return translate(error, path)
        return StatementError(str(error))
    return StatementError(f"a value that SQLite doesn't take ({type(error).__name__})")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another writer is under way, so that waiting may help."""
    return _primary(error) == sqlite3.SQLITE_BUSY


def migrate_command(path: str) -> str:
    """The command that brings the schema of this file up to date."""
    return f"everfold --db sqlite:///{path} migrate"


def _meaning(error: sqlite3.Error, path: str, committing: bool) -> EverfoldError:
    code = _primary(error)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return StoreClosedError()
    if committing and getattr(error, "sqlite_errorcode", None) in _UNKNOWN_AFTER_COMMIT:
        return CommitUnknownError(f"{path}: the disk did not confirm the flush ({error})")
    if code in _UNAVAILABLE:
        undone = "the commit failed and was rolled back" if committing else "nothing was written"
        return StorageUnavailableError(f"{path}: {error}; {undone}: {_UNAVAILABLE[code]}.")
    if code == sqlite3.SQLITE_NOTADB:
        return SchemaError(f"{path} is no SQLite database, or an encrypted one. Name another file.")
    if any(words in str(error) for words in _NO_STORE):
        return SchemaError(f"{path} holds no store of this release ({error}). Run: {migrate_command(path)}")
    if code == sqlite3.SQLITE_CORRUPT:
        return StorageError(
            f"{path} is damaged ({error}); nothing was written. Stop writing, copy the file with its -wal, and restore a "
            "backup or try sqlite3's .recover."
        )
    return StorageError(f"{path}: SQLite refused: {error}; nothing was written.")


def _primary(error: sqlite3.Error) -> int:
    """The error's primary code: the extended one's low byte; 0 for an error of the Python module itself."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
