"""A sync transaction as an async one, driven to its end in one step: tasks meet before and after it, never inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

from ...errors import ConfigurationError
from ...storage.port import Storage, Transaction
from ...storage.port_async import AsyncTransaction

__all__ = ["transacted"]

T = TypeVar("T")
Work = Callable[[AsyncTransaction], Awaitable[T]]


def transacted(storage: Storage, work: Work[T]) -> T:
    """Run async work in a transaction of the sync storage."""
    return storage.transact(lambda transaction: _driven(work, transaction))


class _Verbs:
    """Each verb of the transaction, to be awaited."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def nested(self, work: Work[T]) -> T:
        return self._transaction.nested(lambda transaction: _driven(work, transaction))

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        verb = getattr(self._transaction, name)

        async def call(*given: Any, **named: Any) -> Any:
            return verb(*given, **named)

        return call


def _driven(work: Work[T], transaction: Transaction) -> T:
    coroutine = cast("Coroutine[Any, Any, T]", work(cast("AsyncTransaction", _Verbs(transaction))))
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    coroutine.close()
    raise ConfigurationError("a function given to transact awaits nothing but its transaction")
