"""The one write connection of a store, and the transaction in which a batch of units is committed.

Each unit has its own verdict; one COMMIT, so one flush, serves all. The batch is first tried without savepoints. When
a unit turns out to repeat event ids after it wrote something, which is rare, the whole batch is rolled back and done
again with a savepoint each. One thread at a time: its callers see to that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ... import limits
from ...errors import EverfoldError
from ..unit import Committed, Unit
from .apply import StreamIds, apply_guarded, apply_unit
from .busy import until_free
from .connections import Options, abandon, connect, set_wal
from .errors import translate
from .statements import SQL
from .transaction import Setting, SqliteTransaction

__all__ = ["Outcome", "Writer"]

T = TypeVar("T")
Outcome = Committed | Exception
_Apply = Callable[[sqlite3.Cursor, Unit], Outcome]

_OF_ONE_UNIT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What a unit's own values may raise. Anything else is the file's or the disk's, and stands for the whole batch."""


class Writer:
    """Commits batches of units on a connection that is opened when first needed, and again after it failed."""

    def __init__(self, options: Options, now: Callable[[], int]) -> None:
        self._options = options
        self._now = now
        self._connection: sqlite3.Connection | None = None
        self._committing = False
        self._ids: StreamIds = {}
        self._setting = Setting(options.path, now, self._ids)

    def commit(self, units: Sequence[Unit]) -> list[Outcome]:
        """Each unit's result, or the error it was refused with, in their order."""
        self._committing = False
        try:
            try:
                return self._transaction(units, self._plainly)
            except _OF_ONE_UNIT:
                self.connection().rollback()
                return self._transaction(units, self._guarded)
        except sqlite3.Error as error:
            self.close()
            return [translate(error, self._options.path, committing=self._committing) for _ in units]
        except BaseException:
            self.close()
            raise

    def transact(self, work: Callable[[SqliteTransaction], T]) -> tuple[T, bool]:
        """What `work` gives, once its transaction is committed, and whether events were appended in it."""
        transaction = SqliteTransaction(self._begun(), self._setting)
        try:
            result = work(transaction)
            transaction.end()
        except BaseException:
            self._roll_back()
            raise
        try:
            self.connection().commit()
        except sqlite3.Error as error:
            self.close()
            raise translate(error, self._options.path, committing=True) from error
        self._bound_ids()
        return result, transaction.appended

    def connection(self) -> sqlite3.Connection:
        """The connection, opened now if it isn't. Raises sqlite3.OperationalError for a file without a store."""
        if self._connection is None:
            # waiting for the lock is `until_free`'s, so the driver itself never waits
            connection = connect(self._options, timeout_seconds=0)
            try:
                connection.execute(SQL["applied_migrations"]).fetchone()
                until_free(lambda: set_wal(connection), self._options.busy_timeout_seconds)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Roll back what is open, and close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            abandon(connection)

    def _transaction(self, units: Sequence[Unit], apply: _Apply) -> list[Outcome]:
        cursor = self._begin()
        outcomes = [apply(cursor, unit) for unit in units]
        self._committing = True
        cursor.execute("commit")
        self._bound_ids()
        return outcomes

    def _begin(self) -> sqlite3.Cursor:
        cursor = self.connection().cursor()
        until_free(partial(cursor.execute, "begin immediate"), self._options.busy_timeout_seconds)
        return cursor

    def _begun(self) -> sqlite3.Cursor:
        try:
            return self._begin()
        except sqlite3.Error as error:
            self.close()
            raise translate(error, self._options.path) from error

    def _roll_back(self) -> None:
        try:
            self.connection().rollback()
        except sqlite3.Error:
            self.close()

    def _bound_ids(self) -> None:
        if len(self._ids) > limits.NAME_CACHE_ENTRIES:
            self._ids.clear()

    def _plainly(self, cursor: sqlite3.Cursor, unit: Unit) -> Outcome:
        try:
            return apply_unit(cursor, unit, self._recorded_at(unit), self._ids)
        except EverfoldError as refusal:
            return refusal

    def _guarded(self, cursor: sqlite3.Cursor, unit: Unit) -> Outcome:
        try:
            return apply_guarded(cursor, unit, self._recorded_at(unit))
        except sqlite3.IntegrityError as error:
            return translate(error, self._options.path)
        except (EverfoldError, *_OF_ONE_UNIT) as refusal:
            return refusal

    def _recorded_at(self, unit: Unit) -> int:
        return self._now() if unit.recorded_at is None else unit.recorded_at
