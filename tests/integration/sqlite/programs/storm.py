"""One of several writers on one file: appends, refusals, repeats, rollbacks. Prints the ids that were acknowledged.

python storm.py PATH NAME EVENTS: waits for a line on stdin, then writes at least so many events.
"""

import random
import sqlite3
import sys

from everfold.errors import ConflictError
from everfold.runtime.ids import new_id
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

STREAMS = 5


class StormWriter:
    def __init__(self, path: str, name: str) -> None:
        self.storage = SqliteStorage(path, busy_timeout_seconds=60)
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=60)
        self.random = random.Random(name)
        self.name = name
        self.versions = [0] * STREAMS
        self.acked: list[bytes] = []

    def unit(self, stream: int, expected: int) -> Unit:
        count = self.random.randint(1, 5)
        own = [EncodedEvent(new_id().bytes, "guest_checked_in", 1, b"{}") for _ in range(count)]
        shared = EncodedEvent(new_id().bytes, "charge_recorded", 1, b"{}")
        appends = (StreamAppend(f"{self.name}-{stream}", expected, tuple(own)), StreamAppend("shared-1", -1, (shared,)))
        return Unit("", appends)

    def keep(self, stream: int, unit: Unit) -> None:
        self.versions[stream] += len(unit.appends[0].events)
        self.acked += [event.id for append in unit.appends for event in append.events]

    def step(self) -> None:
        stream = self.random.randrange(STREAMS)
        chance = self.random.random()
        unit = self.unit(stream, self.versions[stream])
        if chance < 0.1:
            self.refused(stream)
        elif chance < 0.2:
            self.rolled_back(unit)
        elif chance < 0.3:
            self.joined(unit)
            self.keep(stream, unit)
        else:
            self.storage.commit(unit)
            self.keep(stream, unit)
            if chance < 0.4:
                assert self.storage.commit(unit).repeated

    def refused(self, stream: int) -> None:
        try:
            self.storage.commit(self.unit(stream, self.versions[stream] + 1))
        except ConflictError:
            return
        raise AssertionError("a wrong expectation was accepted")

    def rolled_back(self, unit: Unit) -> None:
        self.storage.join(self.connection).commit(unit)
        self.connection.execute("rollback")

    def joined(self, unit: Unit) -> None:
        self.storage.join(self.connection).commit(unit)
        self.connection.execute("commit")


def main() -> None:
    path, name, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
    writer = StormWriter(path, name)
    sys.stdin.readline()
    while len(writer.acked) < events:
        writer.step()
    print("\n".join(i.hex() for i in writer.acked))
    writer.storage.close()
    writer.connection.close()


main()
