"""Group commit for threads: one of the callers commits for all who came while the last batch ran.

A caller that finds no batch under way leads at once, in its own thread, so a lone caller pays for no other. The
invariant: while tickets wait, one thread leads; a leader that is done, or dies, hands over to the first that waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ... import limits
from ...errors import CommitUnknownError, StoreClosedError
from ..unit import Committed, Unit
from .writer import Outcome

__all__ = ["GroupCommit", "Ticket", "take_batch"]


class Ticket:
    """A unit on its way, and what became of it."""

    __slots__ = ("leads", "outcome", "turn", "unit")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.outcome: Outcome | None = None
        self.leads = False
        self.turn = threading.Lock()

    def result(self) -> Committed:
        """The result, or the error raised."""
        if isinstance(self.outcome, Committed):
            return self.outcome
        assert self.outcome is not None, "a ticket is asked after its batch"
        raise self.outcome


class Waiting(Protocol):
    """Whatever stands in the queue for a unit."""

    unit: Unit


W = TypeVar("W", bound=Waiting)


def take_batch(queue: deque[W], units_max: int, taken: list[W]) -> list[W]:
    """Move tickets from the queue behind those taken, while the batch stays within its limits."""
    size = sum([unit_bytes(ticket.unit) for ticket in taken])
    while queue and len(taken) < units_max:
        size += unit_bytes(queue[0].unit)
        if taken and size > limits.GROUP_COMMIT_BYTES_MAX:
            break
        taken.append(queue.popleft())
    return taken


def unit_bytes(unit: Unit) -> int:
    """About how much the unit writes."""
    size = 0
    for append in unit.appends:
        for event in append.events:
            size += len(event.data) + len(event.metadata)
    for snapshot in unit.snapshots:
        size += len(snapshot.data)
    return size


class GroupCommit:
    """Leader and followers over one `commit(units)` that must not run twice at a time."""

    def __init__(self, commit: Callable[[Sequence[Unit]], list[Outcome]], units_max: int) -> None:
        self._commit = commit
        self._units_max = units_max
        self._mutex = threading.Lock()
        self._idle = threading.Condition(self._mutex)
        self._queue: deque[Ticket] = deque()
        self._leading = False
        self._closed = False

    def submit(self, unit: Unit) -> Committed:
        """Commit the unit, alone or with others. Raises what the writer found for this unit."""
        ticket = Ticket(unit)
        with self._mutex:
            if self._closed:
                raise StoreClosedError
            ticket.leads = not self._leading
            if not ticket.leads:
                ticket.turn.acquire()
                self._queue.append(ticket)
            self._leading = True
        if not ticket.leads:
            self._follow(ticket)
        if ticket.leads:
            self._lead(ticket)
        return ticket.result()

    def close(self) -> None:
        """Refuse new units, and return when those under way have their outcome."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._leading)

    def _follow(self, ticket: Ticket) -> None:
        try:
            ticket.turn.acquire()
        except BaseException:
            # interrupted while it waited: nobody may count on this thread any more
            with self._mutex:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                elif ticket.leads:
                    self._hand_over()
            raise

    def _lead(self, own: Ticket) -> None:
        batch = [own]
        try:
            if self._queue:
                with self._mutex:
                    take_batch(self._queue, self._units_max, batch)
            for ticket, outcome in zip(batch, self._commit([ticket.unit for ticket in batch]), strict=True):
                ticket.outcome = outcome
        finally:
            for ticket in batch[1:]:
                if ticket.outcome is None:
                    ticket.outcome = CommitUnknownError("the thread that committed for this one was interrupted")
                ticket.turn.release()
            with self._mutex:
                self._hand_over()

    def _hand_over(self) -> None:
        if self._queue:
            first = self._queue.popleft()
            first.leads = True
            first.turn.release()
        else:
            self._leading = False
            if self._closed:
                self._idle.notify_all()
