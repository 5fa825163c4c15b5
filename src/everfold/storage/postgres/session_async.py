"""One connection and how to ask on it: raw rows, bound parameters, each statement its own transaction.

The session is in autocommit and READ COMMITTED, so a statement's snapshot is taken when it runs: the horizon and the
append conditions rely on that.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from ...errors import ConfigurationError
from .adapters import register
from .statements import statements

__all__ = ["AsyncSession", "check_conninfo", "connect"]


class AsyncSession:
    """What may be asked of a connection. For one caller at a time."""

    __slots__ = ("_cursor", "connection")

    def __init__(self, connection: psycopg.AsyncConnection[Any], *, register_adapters: bool = False) -> None:
        self.connection = connection
        self._cursor = psycopg.AsyncRawCursor(connection, row_factory=tuple_row)
        if register_adapters:
            register(self._cursor.adapters)
        self._cursor.format = psycopg.pq.Format.BINARY

    async def fetch(self, statement: bytes, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows."""
        await self._cursor.execute(statement, parameters)
        return await self._cursor.fetchall()

    async def fetch_one(self, statement: bytes, *parameters: Any) -> tuple[Any, ...] | None:
        """The first row."""
        await self._cursor.execute(statement, parameters)
        return await self._cursor.fetchone()

    async def value(self, statement: bytes, *parameters: Any) -> Any:
        """The first value of the one row."""
        await self._cursor.execute(statement, parameters)
        row = await self._cursor.fetchone()
        assert row is not None, "the statement gives one row"
        return row[0]

    async def fetch_none(self, statement: bytes, *parameters: Any) -> None:
        """A statement that gives no rows."""
        await self._cursor.execute(statement, parameters)

    async def listen(self, seconds: float) -> None:
        """Wait for a notification, at most so long. Raises psycopg.Error when the connection is gone."""
        async for _ in self.connection.notifies(timeout=seconds, stop_after=1):
            pass

    async def run(self, script: str | bytes) -> None:
        """Statements without parameters, in the server's simple protocol: several may stand in one text."""
        await psycopg.AsyncCursor(self.connection).execute(script.encode() if isinstance(script, str) else script)

    @property
    def idle(self) -> bool:
        """Whether it is connected, outside a transaction, with nothing under way."""
        return self.connection.pgconn.transaction_status == TransactionStatus.IDLE

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
    register(connection.adapters)
    session = AsyncSession(connection)
    try:
        await session.fetch(statements(schema)["setup"], f"{round(lock_timeout_seconds * 1000)}ms")
    except BaseException:
        session.abandon()
        raise
    return session
