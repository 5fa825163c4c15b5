"""Every order in which tasks can meet: the async shell, driven without an event loop.

The shell awaits only what it is given, so a coroutine on a store from `open_store` suspends at one kind of place: a
*point*, before and after each call of the storage port, and where it would sleep. Which task goes on from point to
point is a *schedule*; `explore` runs all of them, each on fresh state, and `sample` some, by a seed:

    def scenario() -> interleave.Scenario:
        store = interleave.open_store(interleave.InterleavedStorage(MemoryStorage()), hotel)
        tasks = {name: store.decide("stay-42", stay, Charge(10)) for name in ("anna", "ben")}
        return interleave.Scenario(tasks, check=lambda results: ...)

    report = interleave.explore(scenario)      # ScheduleFailed says which schedule broke what
    interleave.replay(scenario, [0, 1, 1, 0])  # and this runs it again, under a debugger if you like

The invariant: a schedule is its list of choices and nothing else. The same scenario under the same choices does the
same, so a scenario draws no chance, reads no clock that matters, and makes everything it shares anew.
"""

from __future__ import annotations

from .points import point, touch
from .run import Scenario, ScheduleFailed
from .schedules import Report, TooManySchedules, alone, explore, replay, sample
from .store import InterleavedStorage, open_store

__all__ = [
    "InterleavedStorage",
    "Report",
    "Scenario",
    "ScheduleFailed",
    "TooManySchedules",
    "alone",
    "explore",
    "open_store",
    "point",
    "replay",
    "sample",
    "touch",
]
