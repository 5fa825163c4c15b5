"""One connection and how to ask on it: raw rows, bound parameters, each statement its own transaction.

The session is in autocommit and READ COMMITTED, so a statement's snapshot is taken when it runs: the horizon and the
append conditions rely on that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from ...errors import ConfigurationError
from .adapters import register
from .statements import Statement, statements

__all__ = ["AsyncSession", "check_conninfo", "connect"]


class AsyncSession:
    """What may be asked of a connection. For one caller at a time. The connection's own adapters stay as they are."""

    __slots__ = ("_begins", "_cursors", "connection")

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self.connection = connection
        self._cursors = [self._cursor()]
        self._begins = False

    def begin(self) -> None:
        """Begin a transaction, in the round trip of the first statement; without one there is nothing to end."""
        self._begins = True

    async def end(self, how: bytes) -> None:
        """`how`: commit or rollback."""
        if self._begins:
            self._begins = False
        else:
            await self.run(how)

    async def fetch(self, statement: bytes, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows."""
        if self._begins:
            return (await self.pipelined((statement, parameters)))[0]
        cursor = self._cursors[0]
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()

    async def fetch_unprepared(self, statement: bytes, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows, by a plan made anew."""
        cursor = self._cursors[0]
        await cursor.execute(statement, parameters, prepare=False)
        return await cursor.fetchall()

    async def fetch_one(self, statement: bytes, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row."""
        rows = await self.fetch(statement, *parameters)
        return rows[0] if rows else None

    async def value(self, statement: bytes, *parameters: Any) -> Any:
        """The first value of the one row."""
        ((value, *_),) = await self.fetch(statement, *parameters)
        return value

    async def fetch_none(self, statement: bytes, *parameters: Any) -> None:
        """A statement that gives no rows."""
        await self.pipelined((statement, parameters))

    async def pipelined(self, *statements: Statement) -> list[list[tuple[Any, ...]]]:
        """The rows of each, in one round trip; each has a snapshot of its own. After one that fails none is run."""
        if self._begins:
            self._begins = False
            return (await self._at_once((b"begin", ()), *statements))[1:]
        return await self._at_once(*statements)

    async def application(self, statement: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """A statement of the application's, once per row of parameters, with the driver's own types; the last one's rows."""
        if self._begins:
            await self.pipelined()
        cursor = psycopg.AsyncRawCursor(self.connection, row_factory=tuple_row)
        if len(rows) == 1:
            await cursor.execute(statement.encode(), rows[0])
        else:
            await cursor.executemany(statement.encode(), rows)
        return await cursor.fetchall() if cursor.description else []

    async def _at_once(self, *statements: Statement) -> list[list[tuple[Any, ...]]]:
        while len(self._cursors) < len(statements):
            self._cursors.append(self._cursor())
        cursors = self._cursors[: len(statements)]
        if len(statements) == 1:
            await cursors[0].execute(*statements[0])
        else:
            async with self.connection.pipeline():
                for cursor, statement in zip(cursors, statements, strict=True):
                    await cursor.execute(*statement)
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]

    def _cursor(self) -> psycopg.AsyncRawCursor[tuple[Any, ...]]:
        cursor = psycopg.AsyncRawCursor(self.connection, row_factory=tuple_row)
        register(cursor.adapters)
        cursor.format = psycopg.pq.Format.BINARY
        return cursor

    async def listen(self, seconds: float) -> None:
        """Wait for a notification, at most so long. Raises psycopg.Error when the connection is gone."""
        async for _ in self.connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def run(self, script: str | bytes) -> None:
        """Statements without parameters, in the server's simple protocol: several may stand in one text."""
        if self._begins:
            await self.pipelined()
        await psycopg.AsyncCursor(self.connection).execute(script.encode() if isinstance(script, str) else script)

    @property
    def idle(self) -> bool:
        """Whether it is connected, outside a transaction, with nothing under way."""
        pgconn = self.connection.pgconn
        return pgconn.transaction_status == TransactionStatus.IDLE and pgconn.pipeline_status == PipelineStatus.OFF

    @property
    def failed(self) -> bool:
        """Whether the open transaction has failed, and waits to be rolled back."""
        return self.connection.pgconn.transaction_status == TransactionStatus.INERROR

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open that can still be committed, or about to begin."""
        return self._begins or self.connection.pgconn.transaction_status == TransactionStatus.INTRANS

    def consume(self) -> None:
        """Read what the server sent unasked. Raises psycopg.OperationalError when it has closed the connection."""
        self.connection.pgconn.consume_input()  # its last words, when it ended the session
        self.connection.pgconn.consume_input()  # and the end itself

    def abandon(self) -> None:
        """Close it at once, without a word to a server that may be gone."""
        self.connection.pgconn.finish()


def check_conninfo(conninfo: str) -> None:
    """Raise ConfigurationError for what is no connection string; the message doesn't repeat it, as it may hold a password."""
    try:
        conninfo_to_dict(conninfo)
    except psycopg.Error:
        raise ConfigurationError(
            "the PostgreSQL URL can't be understood; the form is postgresql://user:password@host:port/database?option=value"
        ) from None


async def connect(
    conninfo: str, schema: str, connect_timeout_seconds: float, lock_timeout_seconds: float
) -> AsyncSession:
    """A new session, ready to use. Raises psycopg.Error."""
    connection = await psycopg.AsyncConnection.connect(
        conninfo,
        autocommit=True,
        connect_timeout=max(1, round(connect_timeout_seconds)),
        client_encoding="UTF8",
        fallback_application_name="everfold",
    )
    session = AsyncSession(connection)
    try:
        await session.fetch(statements(schema)["setup"], f"{round(lock_timeout_seconds * 1000)}ms")
    except BaseException:
        session.abandon()
        raise
    return session
