"""The transaction that a caller's own connection has open: events, read models and the caller's rows commit together.

A unit stands under a savepoint, so a refusal leaves the transaction usable. Everything goes through cursors of our
own; the caller's adapters and row factories are neither used nor changed. Under REPEATABLE READ and SERIALIZABLE an
append to a stream that moved since the transaction began fails as a serialization failure, and an append condition is
refused, as a snapshot that old can't show what the condition must see; nor could a gate or a document's lock.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from ...errors import ConfigurationError
from .session_async import AsyncSession
from .transaction_async import AsyncPostgresTransaction, Setting

__all__ = ["AsyncJoined"]


class AsyncJoined(AsyncPostgresTransaction):
    """The target of `join`. Commit and rollback are the caller's, and so is what to do after an error."""

    def __init__(self, connection: Any, setting: Setting) -> None:
        _check(connection)
        super().__init__(AsyncSession(connection), setting)
        self._connection: psycopg.AsyncConnection[Any] = connection

    def refuse_unfit(self) -> None:
        """Raise ConfigurationError when the caller's transaction has ended."""
        _check(self._connection)

    def failed(self, error: BaseException) -> None:
        """The caller sees the error, and whether its transaction can go on."""


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
