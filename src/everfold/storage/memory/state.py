"""Everything that a memory store holds, and its transactions. Without a lock: the storage has one around it all.

The invariant: a transaction's changes are noted, and undone when it fails, units and the positions they drew included.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial

from ...runtime.clock import Clock, SystemClock, microseconds_of
from ...runtime.ids import new_id_bytes
from ..unit import Committed, Unit
from .control import Control
from .journal import Journal
from .log import Log, LogMark
from .models import Models

__all__ = ["State"]


class State:
    """The tenants' logs, the consumers and the read models."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock or SystemClock()
        self.identity = new_id_bytes()
        self.logs: defaultdict[str, Log] = defaultdict(Log)
        self.journal = Journal()
        self.control = Control(self.journal)
        self.models = Models(self.journal)
        self.last_position = 0

    def at(self, given: int | None) -> int:
        """The moment given, or the clock's."""
        return microseconds_of(self._clock.now()) if given is None else given

    def commit(self, unit: Unit) -> Committed:
        """Apply a unit by itself."""
        committed = self.logs[unit.tenant].commit(unit, self.last_position + 1, self.at(unit.recorded_at))
        if not committed.repeated:
            self.last_position += sum(len(append.events) for append in unit.appends)
        return committed

    def commit_noted(self, unit: Unit) -> Committed:
        """Apply a unit as a part of the open transaction."""
        mark = self.logs[unit.tenant].mark(unit)
        before = self.last_position
        committed = self.commit(unit)
        if not committed.repeated:
            self.journal.note(partial(self._rewind, unit.tenant, mark, before))
        return committed

    def _rewind(self, tenant: str, mark: LogMark, last_position: int) -> None:
        self.logs[tenant].rewind(mark)
        self.last_position = last_position
