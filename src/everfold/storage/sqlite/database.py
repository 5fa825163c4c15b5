"""One open file: its read connections, its writer, its schema, and when they end.

A connection is used by one thread at a time and never crosses a fork: SQLite's locks belong to the process that took
them, so in a forked child every call is refused and nothing that was opened before is touched.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Concatenate, ParamSpec, TypeVar

from ...errors import StoreClosedError
from ...runtime.clock import Clock, SystemClock, microseconds_of
from ..unit import SchemaStatus
from . import schema
from .busy import until_free
from .connections import Options, abandon, connect, set_wal
from .errors import translate
from .selection import same_json
from .writer import Writer

__all__ = ["Database"]

P = ParamSpec("P")
T = TypeVar("T")

_IDLE_READERS_MAX = 16


class Database:
    """Connections to the store's file, each opened when first needed."""

    def __init__(self, options: Options, clock: Clock | None) -> None:
        self.options = options
        self.closed = False
        self._clock = clock or SystemClock()
        self._process = os.getpid()
        self._idle: deque[sqlite3.Connection] = deque()
        self.writer = Writer(options, self.now)

    def now(self) -> int:
        """The clock's time, in microseconds since 1970 UTC."""
        return microseconds_of(self._clock.now())

    @property
    def forked(self) -> bool:
        """Whether this process is a child of the one that opened the store."""
        return os.getpid() != self._process

    @property
    def open(self) -> bool:
        """Whether calls are taken."""
        return not self.closed and not self.forked

    def refuse_closed(self) -> None:
        """Raise StoreClosedError after `close`, and in a forked child."""
        if self.closed:
            raise StoreClosedError
        if self.forked:
            raise StoreClosedError(
                "the store was opened before this process was forked, and SQLite's locks don't cross a fork: "
                "open the store in the child process"
            )

    def read(self, look: Callable[Concatenate[sqlite3.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `look` finds in one snapshot of the file, on a read connection of its own."""
        self.refuse_closed()
        try:
            connection = self._reader()
            try:
                cursor = connection.execute("begin")
                found = look(cursor, *args, **kwargs)
                cursor.execute("commit")
            except sqlite3.Error:
                abandon(connection)
                raise
            except BaseException:
                connection.rollback()
                self._give_back(connection)
                raise
        except sqlite3.Error as error:
            raise translate(error, self.options.path) from error
        self._give_back(connection)
        return found

    def migrate(self, mode: str) -> SchemaStatus:
        """See the port. A missing file is created, unless the mode is "never"."""
        self.refuse_closed()
        schema.check_mode(mode)
        if mode == "never":
            status = self.schema_status()
            schema.refuse_unfit(status, self.options.path)
            return status
        with self._own_connection(create=True) as connection:
            # looked at first, as a file that can't be a store must stay as it is
            if schema.found_status(connection, self.options.path).found == 0:
                until_free(lambda: set_wal(connection), self.options.busy_timeout_seconds)
            return schema.upgrade(connection, mode, self.options.path, self.now())

    def schema_status(self) -> SchemaStatus:
        """See the port. A file that isn't there holds no schema, and stays away."""
        self.refuse_closed()
        if not self.options.file.exists():
            return schema.nothing_found()
        with self._own_connection(create=False) as connection:
            connection.execute("begin")
            return schema.found_status(connection, self.options.path)

    def close(self) -> None:
        """Close every connection; one that is in use is closed when it comes back."""
        self.closed = True
        if not self.forked:
            self.writer.close()
            self._close_idle()

    @contextmanager
    def _own_connection(self, *, create: bool) -> Iterator[sqlite3.Connection]:
        try:
            with closing(connect(self.options, create=create)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise translate(error, self.options.path) from error

    def _reader(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = connect(self.options)
            connection.execute("pragma query_only = on")
            connection.create_function("everfold_same_json", 2, same_json, deterministic=True)
            return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) < _IDLE_READERS_MAX:
            self._idle.append(connection)
        else:
            connection.close()
        if self.closed:
            self._close_idle()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return
