"""Group commit for tasks: one writer thread, which takes what queued up while it committed the last batch.

A transaction has a turn of its own in the same queue.
The queue and the tickets belong to the event loop and are touched there only; the thread sees a batch of units and
gives back a batch of outcomes, one hop each way. A cancelled caller leaves the queue, or, when its unit is under way
already, is not told; its neighbours are untouched either way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from ...errors import StoreClosedError
from ..unit import Committed, Unit
from .group_commit import take_batch
from .writer import Outcome

__all__ = ["WriterThread"]

T = TypeVar("T")


class _Ticket:
    __slots__ = ("future", "unit", "work")

    def __init__(self, unit: Unit | None, future: asyncio.Future[Any], work: Callable[[], Any] | None = None) -> None:
        self.unit = unit
        self.future = future
        self.work = work


class WriterThread:
    """A queue in front of a `commit(units)` that must not run twice at a time. For one event loop."""

    def __init__(
        self, commit: Callable[[Sequence[Unit]], list[Outcome]], units_max: int, committed: Callable[[], None]
    ) -> None:
        self._commit = commit
        self._units_max = units_max
        self._committed = committed
        self._executor = ThreadPoolExecutor(1, "everfold-writer")
        self._queue: deque[_Ticket] = deque()
        self._running: asyncio.Future[Any] | None = None
        self._closed = False

    def submit(self, unit: Unit) -> asyncio.Future[Committed]:
        """Commit the unit, alone or with others: its result, or what the writer refused it with."""
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._enter(_Ticket(unit, future))
        return future

    def turn(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run `work` in the writer thread, between batches: what it gives or raises."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._enter(_Ticket(None, future, partial(copy_context().run, work)))
        return future

    async def close(self) -> None:
        """Refuse new units, and return when those under way have their outcome."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        self._executor.shutdown(wait=False)

    def _enter(self, ticket: _Ticket) -> None:
        if self._closed:
            raise StoreClosedError
        self._queue.append(ticket)
        if self._running is None:
            self._start()

    def _start(self) -> None:
        """Hand the next batch to the thread; those whose callers were cancelled meanwhile are left out."""
        self._queue = deque(ticket for ticket in self._queue if not ticket.future.done())
        self._running = None
        batch = take_batch(self._queue, self._units_max, [])
        if batch:
            units = [ticket.unit for ticket in batch if ticket.unit is not None]
            self._running = asyncio.get_running_loop().run_in_executor(self._executor, self._commit, units)
            self._running.add_done_callback(partial(self._deliver, batch))
        elif self._queue:
            ticket = self._queue.popleft()
            assert ticket.work is not None, "a ticket has a unit or work"
            self._running = asyncio.get_running_loop().run_in_executor(self._executor, ticket.work)
            self._running.add_done_callback(partial(self._deliver_one, ticket))

    def _deliver_one(self, ticket: _Ticket, done: asyncio.Future[Any]) -> None:
        error = done.exception()
        if not ticket.future.done():
            if error is None:
                ticket.future.set_result(done.result())
            else:
                ticket.future.set_exception(error)
        asyncio.get_running_loop().call_soon(self._start)

    def _deliver(self, batch: list[_Ticket], done: asyncio.Future[list[Outcome]]) -> None:
        self._committed()
        error = done.exception()
        outcomes = [error] * len(batch) if error is not None else done.result()
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if ticket.future.done():
                continue
            if isinstance(outcome, Committed):
                ticket.future.set_result(outcome)
            else:
                ticket.future.set_exception(outcome)
        # after the callers that were just answered, so that what they append next is in the batch: 30k appends/s from
        # 128 tasks instead of 28k, and 16k from 16 instead of 13k
        asyncio.get_running_loop().call_soon(self._start)
