"""What a handler projection writes through, for threads; the peer of `handler_transaction_async`, by hand.

Statements are queued and sent in their order; a handler that needs nothing back may be a plain function, which serves both
colours of store.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .. import limits
from ..errors import ConfigurationError
from ..events.envelope import RecordedEvent
from ..storage.port import Transaction
from ..storage.read_model import Target

__all__ = ["HandlerTransaction", "called", "resolved"]


class HandlerTransaction:
    """The transaction of the batch: what is written commits with the checkpoint, or not at all.

    `version` is the projection's, for statements that differ by it.
    """

    def __init__(self, transaction: Transaction, target: Target) -> None:
        self.version = target.version
        self._target = target
        self._transaction = transaction
        self._queue: list[tuple[str, Sequence[Any]]] = []

    def table(self, name: str) -> str:
        """The name of a table of this version (and generation): `audit_v2`."""
        return f"{name}{self._target.table.removeprefix(self._target.projection)}"

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement with `%s` parameters, in its turn: at the latest when the batch ends."""
        self._queue.append((sql, tuple(parameters)))

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement gives, after everything before it. Raises StatementError."""
        self.flush()
        return self._transaction.fetch(sql, tuple(parameters))

    def flush(self) -> None:
        """Run what is queued; equal statements in a row as one, over all their parameters. Raises StatementError."""
        queue, self._queue = self._queue, []
        start = 0
        for end in range(1, len(queue) + 1):
            if end == len(queue) or queue[end][0] != queue[start][0]:
                self._transaction.execute(queue[start][0], [row for _, row in queue[start:end]])
                start = end


def called(handler: Callable[..., Any], transaction: HandlerTransaction, event: RecordedEvent) -> None:
    """Call a handler."""
    resolved(handler(transaction, event))
    if len(transaction._queue) >= limits.CONSUMER_BATCH_EVENTS:
        transaction.flush()


def resolved(result: Any) -> None:
    """Raise ConfigurationError for what only a task could wait for."""
    if inspect.iscoroutine(result):
        result.close()
        raise ConfigurationError(
            f"{result.__qualname__} is a coroutine function, which an EventStore can't await: "
            "make it a plain function, or run the worker on an AsyncEventStore"
        )
