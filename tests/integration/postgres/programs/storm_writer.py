"""One process of the storm: four threads that append in every way there is, until the process has its share or is killed.

    storm_writer.py URL SCHEMA SEED EVENTS FILE

Each event id that was acknowledged is written to FILE, in hex, one a line, as soon as it is.
"""

from __future__ import annotations

import os
import random
import sys
import threading

import psycopg

from everfold.errors import ConflictError, StorageUnavailableError
from everfold.events.query import AppendCondition, Query
from everfold.runtime.ids import new_id
from everfold.storage.postgres.store import PostgresStorage
from everfold.storage.repetition import ids_of
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

THREADS = 4
STREAMS = 24


class Writer:
    def __init__(self, storage: PostgresStorage, url: str, schema: str, random: random.Random, file: int) -> None:
        self.storage, self.schema, self.random, self.file = storage, schema, random, file
        self.connection = psycopg.connect(url)
        self.written = 0

    def run(self, events: int) -> None:
        while self.written < events:
            kind = self.random.choices(
                (self.alone, self.several, self.conditional, self.joined), weights=(60, 10, 10, 20)
            )[0]
            try:
                kind()
            except (ConflictError, StorageUnavailableError):
                self.connection.rollback()

    def alone(self) -> None:
        self.acknowledge(self.commit(Unit("", (self.append(),))))

    def several(self) -> None:
        self.acknowledge(self.commit(Unit("", (self.append(), self.append(), StreamAppend(None, -1, self.events())))))

    def conditional(self) -> None:
        tag = f"room:{self.random.randrange(20)}"
        events = tuple(self.event((tag,)) for _ in range(2))
        condition = AppendCondition(Query(tags=[tag]), self.storage.head(""))
        self.acknowledge(self.commit(Unit("", (StreamAppend(self.stream(), -1, events),), (condition,))))

    def joined(self) -> None:
        """A transaction that wrote elsewhere first, takes its time, and may not commit."""
        self.connection.execute(f"insert into {self.schema}_own.note select pg_backend_pid()")
        self.pause()
        units = [Unit("", (self.append(),)) for _ in range(self.random.randint(1, 3))]
        for unit in units:
            self.storage.join(self.connection).commit(unit)
            self.pause()
        if self.random.random() < 0.3:
            self.connection.rollback()
            return
        self.connection.commit()
        for unit in units:
            self.acknowledge(unit)

    def pause(self) -> None:
        self.connection.execute("select pg_sleep(%s)", (self.random.choice((0, 0, 0.002, 0.01)),))

    def commit(self, unit: Unit) -> Unit:
        self.storage.commit(unit)
        return unit

    def append(self) -> StreamAppend:
        return StreamAppend(self.stream(), -1, self.events())

    def stream(self) -> str:
        return f"storm-{self.random.randrange(STREAMS)}"

    def events(self) -> tuple[EncodedEvent, ...]:
        return tuple(self.event() for _ in range(self.random.choice((1, 1, 1, 2, 5))))

    def event(self, tags: tuple[str, ...] = ()) -> EncodedEvent:
        kind = self.random.choice(("common", "common", "common", "rare"))
        return EncodedEvent(new_id().bytes, kind, 1, b"{}", b"{}", tags)

    def acknowledge(self, unit: Unit) -> None:
        ids = ids_of(unit)
        self.written += len(ids)
        os.write(self.file, "".join(f"{i.hex()}\n" for i in ids).encode())


def main() -> None:
    url, schema, seed, events, path = sys.argv[1:]
    # joined transactions append to their streams in any order, so there are deadlocks: find them soon
    url = psycopg.conninfo.make_conninfo(url, options="-c deadlock_timeout=20ms")
    storage = PostgresStorage(url, schema=schema, pool_size=THREADS)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    writers = [Writer(storage, url, schema, random.Random(f"{seed} {n}"), file) for n in range(THREADS)]
    threads = [threading.Thread(target=writer.run, args=(int(events) // THREADS,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    storage.close()


if __name__ == "__main__":
    main()
