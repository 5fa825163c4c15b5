"""Group commit: what queued while the last batch ran goes as one transaction, each append with its own verdict.

A caller that finds a lane free and nobody about appends by itself, without a hop; in a crowd it is queued, and a waiter
leads the next batch. Appends to one stream keep the order in which they came: a stream is in one batch at a time, once.
A batch runs to its end even when the caller that leads it is cancelled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ... import limits
from ...errors import EverfoldError
from ...runtime.concurrency_async import Later, Mutex, Ticket, sleep
from ..unit import Committed, Unit
from .encode import size_of

__all__ = ["AsyncGroup"]

_LANES = 1
"""Batches under way at once. With 128 callers one lane measured 23k/s against 18k with two, and 21k against 14k on a disk
that takes 1 ms longer: what a second lane overlaps is less than what smaller batches cost."""

_STUCK_SECONDS = 0.05
"""An append that goes alone may wait for a lock; whoever queued behind it for this long opens a lane beside it."""

_LOOK_MAX = 4 * limits.GROUP_COMMIT_UNITS_MAX
"""Queued units that are looked at for a batch; behind a hot stream's queue others wait for the next one."""

Alone = Callable[[Unit], Later[Committed]]
Outcome = Committed | EverfoldError | None
"""Of one unit of a batch; None: it was not appended, for a reason that only it alone can find out."""

Together = Callable[[Sequence[Unit]], Later[Sequence[Outcome]]]


@dataclass(slots=True, eq=False)
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
        self._crowded = False
        self._single = False
        self._mutex = Mutex()

    async def commit(self, unit: Unit) -> Committed:
        """Commit a plain unit, alone or with others."""
        stream = unit.tenant, unit.appends[0].stream
        queued: _Queued | None = None
        leads = watches = False
        async with self._mutex:
            if not self._crowded and not self._queue and self._lanes < _LANES and stream not in self._under_way:
                self._lanes += 1
                self._under_way.add(stream)
                self._single = True
            else:
                queued = _Queued(unit, size_of(unit), Ticket())
                self._queue.append(queued)
                leads, watches = self._takes_lane(), self._single
        if queued is not None:
            if leads:
                queued.ticket.lead(self._lead)
            return await self._with_others(queued, watches=watches and not leads)
        try:
            return await self._alone(unit)
        finally:
            await self._end([stream])

    async def _with_others(self, queued: _Queued, *, watches: bool) -> Committed:
        if watches:
            await self._watch(queued)
        committed = await queued.ticket.result()
        # a refused append goes once more, alone: that judges it in full, and waits where a batch may not
        return await self._alone(queued.unit) if committed is None else committed

    async def _watch(self, queued: _Queued) -> None:
        """Wait for a moment; then no longer for an append that waits for a lock itself."""
        try:
            await queued.ticket.result(_STUCK_SECONDS)
        except TimeoutError:
            async with self._mutex:
                stuck = queued in self._queue
                self._lanes += stuck
            if stuck:
                queued.ticket.lead(self._lead)

    async def _lead(self) -> None:
        """Run one batch in a lane that was taken for it."""
        batch: list[_Queued] = []
        stuck = False
        try:
            # the callers of the last batch have just been answered: let those that append again come first
            await sleep(0)
            batch = await self._gather()
            stuck = not batch  # all wait for their streams; whoever has those will lead
            if batch:
                await self._run(batch)
        finally:
            await self._end([queued.stream for queued in batch], lead=not stuck)

    async def _gather(self) -> list[_Queued]:
        async with self._mutex:
            batch = self._take_batch()
            self._under_way.update(queued.stream for queued in batch)
            self._crowded, self._single = len(batch) > 1, len(batch) == 1
            return batch

    async def _run(self, batch: list[_Queued]) -> None:
        units = [queued.unit for queued in batch]
        try:
            outcomes = [await self._alone(units[0])] if len(units) == 1 else await self._together(units)
            for queued, outcome in zip(batch, outcomes, strict=True):
                _tell(queued.ticket, outcome)
        except BaseException as error:  # noqa: BLE001  # it is raised to every caller of the batch
            for queued in batch:
                queued.ticket.fail(error)

    async def _end(self, streams: list[tuple[str, str | None]], *, lead: bool = True) -> None:
        async with self._mutex:
            self._lanes -= 1
            self._under_way.difference_update(streams)
            next_leader = self._queue[0] if lead and self._queue and self._takes_lane() else None
        if next_leader is not None:
            next_leader.ticket.lead(self._lead)

    def _takes_lane(self) -> bool:
        free = self._lanes < _LANES
        self._lanes += free
        return free

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
