"""Several processes write one file while readers tail it: nothing missed, nothing doubled, nothing out of order."""

from __future__ import annotations

import os
import subprocess
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from everfold.storage.sqlite.store import SqliteStorage

EVENTS = int(os.environ.get("EVERFOLD_STORM_EVENTS", "20000"))
WRITERS = 4
READERS = 4


class Tail:
    """A reader that goes from page to page and waits at the end, until told that no more will come."""

    def __init__(self, path: str) -> None:
        self.rows: list[tuple] = []
        self.finished = threading.Event()
        self._storage = SqliteStorage(path)

    def run(self, words) -> None:
        after = 0
        while True:
            last = self.finished.is_set()
            hint = self._storage.hint()
            page = words.log(self._storage, after=after, limit=200)
            self.rows += [(row[0], page.names[row[1]], row[2], row[5]) for row in page.rows]
            after = page.position
            if last and not page.more:
                break
            if not page.more:
                self._storage.wait(hint, 0.2)
        self._storage.close()


def write(writer: subprocess.Popen[str]) -> list[bytes]:
    answer, _ = writer.communicate("go\n")
    assert writer.returncode == 0
    return [bytes.fromhex(line) for line in answer.split()]


@pytest.mark.slow
def test_readers_see_every_event_once_and_in_order(path, storage, words, start_program):
    writers = [start_program("storm", path, f"writer{n}", EVENTS // WRITERS) for n in range(WRITERS)]
    tails = [Tail(path) for _ in range(READERS)]
    with ThreadPoolExecutor(WRITERS + READERS) as pool:
        reading = [pool.submit(tail.run, words) for tail in tails]
        acked = [i for ids in pool.map(write, writers) for i in ids]
        for tail in tails:
            tail.finished.set()
        for one in reading:
            one.result()

    assert len(acked) >= EVENTS
    log = words.everything(storage)
    assert Counter(row[5] for row in log) == Counter(acked)
    assert [row[0] for row in log] == list(range(1, len(log) + 1))
    versions: defaultdict[str, list[int]] = defaultdict(list)
    for row in log:
        versions[row[1]].append(row[2])
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())
    for tail in tails:
        assert tail.rows == [(row[0], row[1], row[2], row[5]) for row in log]
