"""What a handler projection writes through, for tasks; the peer of `handler_transaction`, by hand.

Statements are queued and sent in their order; a handler that needs nothing back may be a plain function, which serves both
colours of store.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from typing import Any

from .. import limits
from ..events.envelope import RecordedEvent
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import Target

__all__ = ["AsyncHandlerTransaction", "called", "resolved"]


class _Sent:
    """Awaiting it has the queued statements run now."""

    __slots__ = ("_transaction",)

    def __init__(self, transaction: AsyncHandlerTransaction) -> None:
        self._transaction = transaction

    def __await__(self) -> Generator[Any, None, None]:
        return self._transaction.flush().__await__()


class AsyncHandlerTransaction:
    """The transaction of the batch: what is written commits with the checkpoint, or not at all.

    `version` is the projection's, for statements that differ by it.
    """

    def __init__(self, transaction: AsyncTransaction, target: Target) -> None:
        self.version = target.version
        self._target = target
        self._transaction = transaction
        self._queue: list[tuple[str, Sequence[Any]]] = []

    def table(self, name: str) -> str:
        """The name of a table of this version (and generation): `audit_v2`."""
        return f"{name}{self._target.table.removeprefix(self._target.projection)}"

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> _Sent:
        """Run a statement with `%s` parameters, in its turn. Awaiting it, which is not needed, runs it now."""
        self._queue.append((sql, tuple(parameters)))
        return _Sent(self)

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a statement gives, after everything before it. Raises StatementError."""
        await self.flush()
        return await self._transaction.fetch(sql, tuple(parameters))

    async def flush(self) -> None:
        """Run what is queued; equal statements in a row as one, over all their parameters. Raises StatementError."""
        queue, self._queue = self._queue, []
        start = 0
        for end in range(1, len(queue) + 1):
            if end == len(queue) or queue[end][0] != queue[start][0]:
                await self._transaction.execute(queue[start][0], [row for _, row in queue[start:end]])
                start = end


async def called(handler: Callable[..., Any], transaction: AsyncHandlerTransaction, event: RecordedEvent) -> None:
    """Call a handler, and await it if it is a coroutine function."""
    await resolved(handler(transaction, event))
    if len(transaction._queue) >= limits.CONSUMER_BATCH_EVENTS:
        await transaction.flush()


async def resolved(result: Any) -> None:
    """Await what a function gave back, if it is to be awaited."""
    if inspect.isawaitable(result) and not isinstance(result, _Sent):
        await result
