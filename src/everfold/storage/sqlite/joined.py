"""A transaction of the caller's own sqlite3 connection to the same file, with the verbs of the port.

A connection that is in no transaction gets one by BEGIN IMMEDIATE. Commit and rollback stay the caller's; a verb that
raises is taken back to its savepoint, and the transaction stays usable.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...errors import ConfigurationError
from ..unit import Committed, Unit
from .apply import apply_guarded
from .database import Database
from .statements import SQL
from .transaction import Setting, SqliteTransaction

__all__ = ["JoinedTransaction", "joined"]

P = ParamSpec("P")
T = TypeVar("T")


class JoinedTransaction(SqliteTransaction):
    """Its verbs run on the caller's connection, in the caller's thread."""

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        super().__init__(connection.cursor(), Setting(database.options.path, database.now))
        self._database = database
        self._connection = connection

    def commit(self, unit: Unit) -> Committed:
        """See the port. What it wrote becomes durable when the caller commits."""
        return self._do(apply_guarded, unit, self._setting.at(unit.recorded_at))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is done in it is kept, or, when something raises, undone alone."""
        self._do(_nothing_yet)
        with _savepoint(self._connection, "everfold_nested"):
            yield

    def _call(self, verb: Callable[Concatenate[sqlite3.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._database.refuse_closed()
        under_its_own_savepoint: bool = verb is apply_guarded
        with _plain_cursor(self._connection) as cursor:
            if not self._connection.in_transaction:
                cursor.execute("begin immediate")
            if under_its_own_savepoint:
                return verb(cursor, *args, **kwargs)
            cursor.execute(SQL["take_write_lock"])
            with _savepoint(self._connection, "everfold_verb"):
                return verb(cursor, *args, **kwargs)

    def _failed(self, error: BaseException) -> BaseException:
        """The caller sees the error, and goes on or not."""
        return error


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


def _nothing_yet(cursor: sqlite3.Cursor) -> None:
    """Only the transaction is begun, and the lock taken."""


@contextmanager
def _savepoint(connection: sqlite3.Connection, name: str) -> Iterator[None]:
    cursor = connection.cursor(sqlite3.Cursor)
    cursor.execute(f"savepoint {name}")
    try:
        yield
    except BaseException:
        # a full disk or a failing one may have ended the whole transaction, and the savepoint with it
        if connection.in_transaction:
            cursor.execute(f"rollback to {name}")
            cursor.execute(f"release {name}")
        raise
    cursor.execute(f"release {name}")


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
