"""A transaction whose every verb is a fault point, on top of whatever the storage below gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from ..runtime.concurrency_async import Later
from ..storage.control import BuildRow, ConsumerRow, LetterRow
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import StoredDocument
from ..storage.unit import Committed, Page, Unit
from .arming_async import AsyncArming

__all__ = ["AsyncFaultyTransaction", "AsyncJoined", "faulty"]

P = ParamSpec("P")
T = TypeVar("T")


def faulty(arming: AsyncArming, work: Callable[[AsyncTransaction], Later[T]]) -> Callable[[AsyncTransaction], Later[T]]:
    """The same work on a transaction that can be told to fail. A fault that the work swallows is raised all the same."""

    async def run(transaction: AsyncTransaction) -> T:
        one = AsyncFaultyTransaction(arming, transaction)
        result = await work(one)
        if one.fault is not None:
            raise one.fault
        return result

    return run


class AsyncFaultyTransaction:
    """Every verb passes the arming first; what comes after it is the transaction's own."""

    def __init__(self, arming: AsyncArming, transaction: AsyncTransaction) -> None:
        self._arming = arming
        self._below = transaction
        self.fault: BaseException | None = None

    async def nested(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        return await self._call("nested", self._below.nested, faulty(self._arming, work))

    async def commit(self, unit: Unit) -> Committed:
        return await self._call("commit", self._below.commit, unit)

    async def move(self, *given: Any, **named: Any) -> None:
        await self._call("move", self._below.move, *given, **named)

    async def consumers(self, *given: Any, **named: Any) -> list[ConsumerRow]:
        return await self._call("consumers", self._below.consumers, *given, **named)

    async def save_consumers(self, *given: Any, **named: Any) -> None:
        await self._call("save_consumers", self._below.save_consumers, *given, **named)

    async def delete_consumers(self, *given: Any, **named: Any) -> None:
        await self._call("delete_consumers", self._below.delete_consumers, *given, **named)

    async def builds(self, *given: Any, **named: Any) -> list[BuildRow]:
        return await self._call("builds", self._below.builds, *given, **named)

    async def build_rows(self, *given: Any, **named: Any) -> list[BuildRow]:
        return await self._call("build_rows", self._below.build_rows, *given, **named)

    async def events(self, *given: Any, **named: Any) -> Page:
        return await self._call("events", self._below.events, *given, **named)

    async def save_build(self, *given: Any, **named: Any) -> None:
        await self._call("save_build", self._below.save_build, *given, **named)

    async def park(self, *given: Any, **named: Any) -> None:
        await self._call("park", self._below.park, *given, **named)

    async def settle(self, *given: Any, **named: Any) -> None:
        await self._call("settle", self._below.settle, *given, **named)

    async def letters(self, *given: Any, **named: Any) -> list[LetterRow]:
        return await self._call("letters", self._below.letters, *given, **named)

    async def create_target(self, *given: Any, **named: Any) -> None:
        await self._call("create_target", self._below.create_target, *given, **named)

    async def drop_target(self, *given: Any, **named: Any) -> None:
        await self._call("drop_target", self._below.drop_target, *given, **named)

    async def target_used(self, *given: Any, **named: Any) -> bool:
        return await self._call("target_used", self._below.target_used, *given, **named)

    async def clear_target(self, *given: Any, **named: Any) -> None:
        await self._call("clear_target", self._below.clear_target, *given, **named)

    async def documents(self, *given: Any, **named: Any) -> dict[str, StoredDocument]:
        return await self._call("documents", self._below.documents, *given, **named)

    async def save_documents(self, *given: Any, **named: Any) -> None:
        await self._call("save_documents", self._below.save_documents, *given, **named)

    async def change_rows(self, *given: Any, **named: Any) -> None:
        await self._call("change_rows", self._below.change_rows, *given, **named)

    async def project(self, *given: Any, **named: Any) -> int | None:
        return await self._call("project", self._below.project, *given, **named)

    async def execute(self, *given: Any, **named: Any) -> None:
        await self._call("execute", self._below.execute, *given, **named)

    async def fetch(self, *given: Any, **named: Any) -> list[tuple[Any, ...]]:
        return await self._call("fetch", self._below.fetch, *given, **named)

    async def gate(self, *given: Any, **named: Any) -> None:
        await self._call("gate", self._below.gate, *given, **named)

    async def lock_stream(self, *given: Any, **named: Any) -> int:
        return await self._call("lock_stream", self._below.lock_stream, *given, **named)

    async def _call(self, verb: str, below: Callable[P, Later[T]], *given: P.args, **named: P.kwargs) -> T:
        try:
            number = await self._arming.entered(f"tx.{verb}")
            result = await below(*given, **named)
            self._arming.left(number)
        except BaseException as fault:
            if verb != "nested":
                self.fault = fault
            raise
        return result


class AsyncJoined(AsyncFaultyTransaction):
    """A caller's own transaction: its units count as those of the storage."""

    async def commit(self, unit: Unit) -> Committed:
        number = await self._arming.entered("commit")
        committed = await self._below.commit(unit)
        self._arming.left(number, "commit")
        return committed
