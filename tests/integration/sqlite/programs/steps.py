"""Append two units; stop for good before the step asked for (a statement of the writer), saying so.

Prints "acked <number>" after each unit, "stopped <statement>" at the step, "done" when the step never came.
"""

import itertools
import sys

from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.unit import EncodedEvent, Snapshot, StreamAppend, Unit

path, stop_before = sys.argv[1], int(sys.argv[2])
steps = itertools.count(1)


def step(statement: str) -> None:
    if next(steps) == stop_before:
        print("stopped", statement.split(maxsplit=1)[0], flush=True)
        sys.stdin.read()


def event(number: int) -> EncodedEvent:
    return EncodedEvent(b"%016d" % number, "guest_checked_in", 1, b"{}", b"{}", ("room:12",))


def unit(number: int) -> Unit:
    events = [event(number * 10 + i) for i in range(5)]
    appends = (StreamAppend("stay-1", number * 3, tuple(events[:3])), StreamAppend("stay-2", -1, tuple(events[3:])))
    return Unit("", appends, snapshots=(Snapshot("stay-1", "stay", 1, number * 3 + 3, b"state"),))


storage = SqliteStorage(path)
storage.migrate("auto")
storage._database.writer.connection().set_trace_callback(step)
for number in range(2):
    storage.commit(unit(number))
    print("acked", number, flush=True)
    step("between-units")
print("done", flush=True)
