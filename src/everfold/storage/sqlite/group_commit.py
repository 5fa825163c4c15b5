"""Group commit for threads: one of the callers commits for all who came while the last batch ran.

A caller that finds no batch under way leads at once, in its own thread, so a lone caller pays for no other. The
invariant: while tickets wait, one thread leads; a leader that is done, or dies, hands over to the first that waits. A
transaction has a turn of its own in the same queue.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ... import limits
from ...errors import CommitUnknownError, ConfigurationError, StoreClosedError
from ..unit import Committed, Unit
from .writer import Outcome

__all__ = ["GroupCommit", "Ticket", "take_batch"]


T = TypeVar("T")


class Ticket:
    """A unit on its way, and what became of it; without a unit, a turn to be alone."""

    __slots__ = ("leads", "outcome", "turn", "unit")

    def __init__(self, unit: Unit | None) -> None:
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
    """Whatever stands in the queue for a unit, or without one for a turn to be alone."""

    @property
    def unit(self) -> Unit | None: ...


W = TypeVar("W", bound=Waiting)


def take_batch(queue: deque[W], units_max: int, taken: list[W]) -> list[W]:
    """Move units' tickets from the queue behind those taken, while the batch stays within its limits."""
    size = sum([unit_bytes(ticket.unit) for ticket in taken if ticket.unit is not None])
    while queue and len(taken) < units_max:
        unit = queue[0].unit
        if unit is None:
            break
        size += unit_bytes(unit)
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
        self._alone: int | None = None
        self._closed = False

    def submit(self, unit: Unit) -> Committed:
        """Commit the unit, alone or with others. Raises what the writer found for this unit."""
        ticket = Ticket(unit)
        self._enter(ticket)
        if ticket.leads:
            self._lead(ticket)
        return ticket.result()

    def turn(self, work: Callable[[], T]) -> T:
        """Run `work` in this thread while no batch is under way. Raises ConfigurationError when it is inside one already."""
        self._enter(Ticket(None))
        self._alone = threading.get_ident()
        try:
            return work()
        finally:
            self._alone = None
            with self._mutex:
                self._hand_over()

    def close(self) -> None:
        """Refuse new units, and return when those under way have their outcome."""
        with self._idle:
            self._closed = True
            self._idle.wait_for(lambda: not self._leading)

    def _enter(self, ticket: Ticket) -> None:
        """Return when the ticket leads, or has its outcome."""
        with self._mutex:
            if self._closed:
                raise StoreClosedError
            ticket.leads = not self._leading
            if not ticket.leads:
                self._refuse_own_turn()
                ticket.turn.acquire()
                self._queue.append(ticket)
            self._leading = True
        if not ticket.leads:
            self._follow(ticket)

    def _refuse_own_turn(self) -> None:
        if self._alone == threading.get_ident():
            raise ConfigurationError(
                "a function given to transact uses its transaction only: the store itself waits until it ends"
            )

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
            units = [ticket.unit for ticket in batch if ticket.unit is not None]
            for ticket, outcome in zip(batch, self._commit(units), strict=True):
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
