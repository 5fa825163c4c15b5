"""Group commit for tasks: one writer thread, which takes what queued up while it committed the last batch.

The queue and the tickets belong to the event loop and are touched there only; the thread sees a batch of units and
gives back a batch of outcomes, one hop each way. A cancelled caller leaves the queue, or, when its unit is under way
already, is not told; its neighbours are untouched either way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ...errors import StoreClosedError
from ..unit import Committed, Unit
from .group_commit import take_batch
from .writer import Outcome

__all__ = ["WriterThread"]


class _Ticket:
    __slots__ = ("future", "unit")

    def __init__(self, unit: Unit, future: asyncio.Future[Committed]) -> None:
        self.unit = unit
        self.future = future


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
        self._running: asyncio.Future[list[Outcome]] | None = None
        self._closed = False

    def submit(self, unit: Unit) -> asyncio.Future[Committed]:
        """Commit the unit, alone or with others: its result, or what the writer refused it with."""
        if self._closed:
            raise StoreClosedError
        future: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append(_Ticket(unit, future))
        if self._running is None:
            self._start()
        return future

    async def close(self) -> None:
        """Refuse new units, and return when those under way have their outcome."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        self._executor.shutdown(wait=False)

    def _start(self) -> None:
        """Hand the next batch to the thread; those whose callers were cancelled meanwhile are left out."""
        self._queue = deque(ticket for ticket in self._queue if not ticket.future.done())
        self._running = None
        batch = take_batch(self._queue, self._units_max, [])
        if batch:
            units = [ticket.unit for ticket in batch]
            self._running = asyncio.get_running_loop().run_in_executor(self._executor, self._commit, units)
            self._running.add_done_callback(partial(self._deliver, batch))

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
