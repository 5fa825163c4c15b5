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

    def __init__(self, commit: Callable[[Sequence[Unit]], list[Outcome]], units_max: int) -> None:
        self._commit = commit
        self._units_max = units_max
        self._executor = ThreadPoolExecutor(1, "everfold-writer")
        self._queue: deque[_Ticket] = deque()
        self._running: asyncio.Future[list[Outcome]] | None = None
        self._closed = False

    async def submit(self, unit: Unit) -> Committed:
        """Commit the unit, alone or with others. Raises what the writer found for this unit."""
        if self._closed:
            raise StoreClosedError
        ticket = _Ticket(unit, asyncio.get_running_loop().create_future())
        self._queue.append(ticket)
        if self._running is None:
            self._start()
        try:
            return await ticket.future
        except asyncio.CancelledError:
            if ticket in self._queue:
                self._queue.remove(ticket)
            raise

    async def close(self) -> None:
        """Refuse new units, and return when those under way have their outcome."""
        self._closed = True
        while self._running is not None:
            await asyncio.wait([self._running])
        self._executor.shutdown(wait=False)

    def _start(self) -> None:
        batch = take_batch(self._queue, self._units_max, [])
        units = [ticket.unit for ticket in batch]
        self._running = asyncio.get_running_loop().run_in_executor(self._executor, self._commit, units)
        self._running.add_done_callback(lambda done: self._deliver(batch, done))

    def _deliver(self, batch: list[_Ticket], done: asyncio.Future[list[Outcome]]) -> None:
        self._running = None
        if self._queue:
            self._start()
        error = done.exception()
        outcomes = [error] * len(batch) if error is not None else done.result()
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if ticket.future.done():
                continue
            if isinstance(outcome, Committed):
                ticket.future.set_result(outcome)
            else:
                ticket.future.set_exception(outcome)
