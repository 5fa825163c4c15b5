"""A unit inside the caller's own transaction: its events and the caller's rows commit together or not at all.

The unit stands under a savepoint, so a refusal leaves the transaction usable. Everything goes through a cursor of our
own; the caller's adapters and row factories are neither used nor changed. Under REPEATABLE READ and SERIALIZABLE an
append to a stream that moved since the transaction began fails as a serialization failure, and an append condition is
refused, as a snapshot that old can't show what the condition must see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from ...errors import ConfigurationError
from ..unit import Committed, Unit
from .commit_async import apply_unit, first_result
from .errors import connection_lost, refused, translate
from .session_async import AsyncSession

__all__ = ["AsyncJoined"]


class AsyncJoined:
    """The target of `join`. `settle` adds what every unit of the store gets, such as the time."""

    def __init__(self, connection: Any, sql: Mapping[str, bytes], complete: Callable[[Unit], Unit]) -> None:
        _check(connection)
        self._connection: psycopg.AsyncConnection[Any] = connection
        self._sql = sql
        self._complete = complete

    async def commit(self, unit: Unit) -> Committed:
        """Apply the unit now; it becomes visible when the caller commits. Others see nothing of it before."""
        _check(self._connection)
        session = AsyncSession(self._connection, register_adapters=True)
        unit = self._complete(unit)
        try:
            return await self._apply(session, unit)
        except psycopg.Error as error:
            # the caller has not committed, so a connection that is lost has surely written nothing
            raise translate(error, None if connection_lost(error) else unit) from error

    async def _apply(self, session: AsyncSession, unit: Unit) -> Committed:
        await session.fetch_none(b"savepoint everfold_unit")
        try:
            committed = await apply_unit(session, self._sql, unit)
        except psycopg.Error as error:
            if self._connection.pgconn.transaction_status != TransactionStatus.INERROR:
                raise
            await session.fetch_none(b"rollback to savepoint everfold_unit")
            await session.fetch_none(b"release savepoint everfold_unit")
            if refused(error):
                return await first_result(session, self._sql, unit, error)
            raise
        await session.fetch_none(b"release savepoint everfold_unit")
        return committed


def _check(connection: object) -> None:
    """Raise ConfigurationError for what is no psycopg connection of this colour with a transaction to join."""
    if not isinstance(connection, psycopg.AsyncConnection):
        raise ConfigurationError(
            f"a store on PostgreSQL joins a psycopg.AsyncConnection, not {type(connection).__module__}."
            f"{type(connection).__name__}; hand over the driver's own connection object"
        )
    if connection.autocommit and connection.pgconn.transaction_status == TransactionStatus.IDLE:
        raise ConfigurationError(
            "the connection is in autocommit and has no transaction open: open one with connection.transaction() first"
        )
    if connection.info.encoding != "utf-8":
        raise ConfigurationError(f"the connection's client_encoding is {connection.info.encoding}; it must be UTF8")
