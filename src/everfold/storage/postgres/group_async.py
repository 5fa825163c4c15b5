"""Group commit: what queued while the last batch ran goes as one transaction, each append with its own verdict.

A caller that finds a lane free appends by itself, without a hop; one that doesn't is queued, and a waiter leads the
next batch. Appends to one stream keep the order in which they came: a stream is in one batch at a time, once.
A batch runs to its end even when the caller that leads it is cancelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ... import limits
from ...errors import EverfoldError
from ...runtime.concurrency_async import Later, Mutex, Ticket
from ..unit import Committed, Unit
from .encode import size_of

__all__ = ["AsyncGroup"]

_LANES = 2
"""Batches under way at once, each on its connection: the one prepares while the other waits for the disk."""

_LOOK_MAX = 4 * limits.GROUP_COMMIT_UNITS_MAX
"""Queued units that are looked at for a batch; behind a hot stream's queue others wait for the next one."""

Alone = Callable[[Unit], Later[Committed]]
Outcome = Committed | EverfoldError | None
"""Of one unit of a batch; None: it was not appended, for a reason that only it alone can find out."""

Together = Callable[[Sequence[Unit]], Later[Sequence[Outcome]]]


@dataclass(slots=True)
class _Queued:
    unit: Unit
    size: int
    ticket: Ticket[Committed | None]

    @property
    def stream(self) -> tuple[str, str | None]:
        return self.unit.tenant, self.unit.appends[0].stream


class AsyncGroup:
    """Collects plain units. `alone` commits one and judges it; `together` gives a verdict for each."""

    def __init__(self, alone: Alone, together: Together) -> None:
        self._alone = alone
        self._together = together
        self._queue: deque[_Queued] = deque()
        self._under_way: set[tuple[str, str | None]] = set()
        self._lanes = 0
        self._mutex = Mutex()

    async def commit(self, unit: Unit) -> Committed:
        """Commit a plain unit, alone or with others."""
        stream = unit.tenant, unit.appends[0].stream
        queued: _Queued | None = None
        batch: list[_Queued] = []
        async with self._mutex:
            if self._lanes < _LANES and not self._queue and stream not in self._under_way:
                self._begin([stream])
            else:
                queued = _Queued(unit, size_of(unit), Ticket())
                self._queue.append(queued)
                batch = self._next_batch()
        if queued is not None:
            return await self._with_others(queued, batch)
        try:
            return await self._alone(unit)
        finally:
            await self._end([stream])

    async def _with_others(self, queued: _Queued, batch: list[_Queued]) -> Committed:
        if batch:
            batch[0].ticket.lead(partial(self._lead, batch))
        committed = await queued.ticket.result()
        # a refused append goes once more, alone: that judges it in full, and waits where a batch may not
        return await self._alone(queued.unit) if committed is None else committed

    async def _lead(self, batch: list[_Queued]) -> None:
        units = [queued.unit for queued in batch]
        try:
            outcomes = [await self._alone(units[0])] if len(units) == 1 else await self._together(units)
            for queued, outcome in zip(batch, outcomes, strict=True):
                _tell(queued.ticket, outcome)
        except BaseException as error:  # noqa: BLE001  # it is raised to every caller of the batch
            for queued in batch:
                queued.ticket.fail(error)
        finally:
            await self._end([queued.stream for queued in batch])

    def _begin(self, streams: list[tuple[str, str | None]]) -> None:
        self._lanes += 1
        self._under_way.update(streams)

    async def _end(self, streams: list[tuple[str, str | None]]) -> None:
        async with self._mutex:
            self._lanes -= 1
            self._under_way.difference_update(streams)
            batch = self._next_batch()
        if batch:
            batch[0].ticket.lead(partial(self._lead, batch))

    def _next_batch(self) -> list[_Queued]:
        batch = self._take_batch() if self._queue and self._lanes < _LANES else []
        if batch:
            self._begin([queued.stream for queued in batch])
        return batch

    def _take_batch(self) -> list[_Queued]:
        """From the front: one unit a stream, none whose stream is under way, within the bounds; the others stay in order."""
        batch: list[_Queued] = []
        passed: list[_Queued] = []
        streams = set(self._under_way)
        size = 0
        while self._queue and len(batch) < limits.GROUP_COMMIT_UNITS_MAX and len(batch) + len(passed) < _LOOK_MAX:
            queued = self._queue.popleft()
            if queued.stream in streams:
                passed.append(queued)
                continue
            if batch and size + queued.size > limits.GROUP_COMMIT_BYTES_MAX:
                passed.append(queued)
                break
            batch.append(queued)
            streams.add(queued.stream)
            size += queued.size
        self._queue.extendleft(reversed(passed))
        return batch


def _tell(ticket: Ticket[Committed | None], outcome: Outcome) -> None:
    if isinstance(outcome, EverfoldError):
        ticket.fail(outcome)
    else:
        ticket.resolve(outcome)
