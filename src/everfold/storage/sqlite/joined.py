"""A unit inside a transaction of the caller's own sqlite3 connection to the same file.

A connection that is in no transaction gets one by BEGIN IMMEDIATE. Commit and rollback stay the caller's; a refused
unit is taken back to its savepoint, and the transaction stays usable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import ConfigurationError
from ..unit import Committed, Unit
from .apply import apply_guarded
from .database import Database
from .errors import translate

__all__ = ["JoinedTransaction", "joined"]


class JoinedTransaction:
    """Commits units on the caller's connection, in the caller's thread."""

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        self._database = database
        self._connection = connection

    def commit(self, unit: Unit) -> Committed:
        """See the port. What it wrote becomes durable when the caller commits."""
        self._database.refuse_closed()
        recorded_at = self._database.now() if unit.recorded_at is None else unit.recorded_at
        try:
            with _plain_cursor(self._connection) as cursor:
                if not self._connection.in_transaction:
                    cursor.execute("begin immediate")
                return apply_guarded(cursor, unit, recorded_at)
        except sqlite3.Error as error:
            raise translate(error, self._database.options.path) from error


def joined(database: Database, connection: Any) -> JoinedTransaction:
    """Raises ConfigurationError for anything but an open sqlite3 connection, of this thread, to the store's file."""
    database.refuse_closed()
    if not isinstance(connection, sqlite3.Connection):
        raise ConfigurationError(
            f"a SQLite store joins a sqlite3.Connection, not {type(connection).__module__}.{type(connection).__name__}: "
            "hand over the driver's own connection"
        )
    try:
        with _plain_cursor(connection) as cursor:
            files = {name: path for _, name, path in cursor.execute("pragma database_list")}
    except sqlite3.Error as error:
        raise ConfigurationError(f"the connection can't be joined: {error}") from error
    if not _same_file(files["main"], database):
        raise ConfigurationError(
            f"the connection's main database is {files['main'] or 'in memory'!r}, the store's {database.options.path!r}: "
            "join a connection to the same file"
        )
    return JoinedTransaction(database, connection)


def _same_file(path: str, database: Database) -> bool:
    file = database.options.file
    return path != "" and file.exists() and file.samefile(path)


@contextmanager
def _plain_cursor(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """A cursor that gives tuples of str, whatever the caller has set; its own settings are put back."""
    text_factory, connection.text_factory = connection.text_factory, str
    try:
        cursor = connection.cursor(sqlite3.Cursor)
        cursor.row_factory = None
        yield cursor
    finally:
        connection.text_factory = text_factory
