"""Promise 2 under a storm: whatever is open, rolled back or killed, a reader misses nothing and sees nothing twice.

Sixteen writers in four processes, one of which is killed again and again, and four tailing readers. The number of events:
EVERFOLD_STORM_EVENTS.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from everfold.events.query import Query
from everfold.testing.racing import as_thread

EVENTS = int(os.environ.get("EVERFOLD_STORM_EVENTS", "10000"))
PROCESSES = 4
KILLS = 3
PROGRAM = Path(__file__).with_name("programs") / "storm_writer.py"
QUERIES = {
    "everything": Query(),
    "everything again": Query(),
    "a type": Query(types=["rare"]),
    "tags": Query(tags=["room:3"]) | Query(tags=["room:4"], types=["common"]),
}


class Reader:
    """Follows the log in its thread, from the first page to the end of the storm."""

    def __init__(self, storage, query: Query, over: threading.Event) -> None:
        self.rows: list[tuple] = []
        self._storage, self._query, self._over = storage, query, over
        self.thread = as_thread(self._follow)

    def _follow(self) -> None:
        after = 0
        while True:
            last_round = self._over.is_set()
            hint = self._storage.hint()
            page = self._storage.read_all("", after=after, before=None, query=self._query, backwards=False, limit=500)
            self.rows += [row[:4] for row in page.rows]
            after = page.position
            if page.more:
                continue
            if last_round and not page.blocked:
                return
            self._storage.wait(hint, 0.5)


class Storm:
    def __init__(self, url: str, schema: str, seed: int, folder: Path) -> None:
        self._arguments = (url, schema)
        self._folder = folder
        self._numbers = iter(range(10**6))
        self.random = random.Random(seed)

    def start(self, events: int) -> subprocess.Popen:
        number = next(self._numbers)
        command = [
            sys.executable,
            PROGRAM,
            *self._arguments,
            self.random.random(),
            events,
            self._folder / f"acked-{number}",
        ]
        return subprocess.Popen(list(map(str, command)))

    def acknowledged(self) -> set[bytes]:
        """The last line of a process that was killed may be half."""
        lines = (line for path in self._folder.glob("acked-*") for line in path.read_text().splitlines(keepends=True))
        return {bytes.fromhex(line) for line in lines if len(line) == 33}

    def written(self) -> int:
        return sum(path.stat().st_size for path in self._folder.glob("acked-*")) // 33


@pytest.mark.slow
def test_readers_miss_nothing_and_see_nothing_twice_in_a_storm(  # noqa: PLR0917  # fixtures
    storage, open_storage, connect, postgres_url, postgres_schema, tmp_path
):
    admin = connect(autocommit=True)
    own = f"{postgres_schema}_own"
    admin.execute(f"create schema {own}; create table {own}.note (pid int)")
    seed = random.randrange(2**32)
    print(f"storm seed {seed}, {EVENTS} events")
    storm = Storm(postgres_url, postgres_schema, seed, tmp_path)
    over = threading.Event()
    readers = {name: Reader(open_storage(), query, over) for name, query in QUERIES.items()}
    share = EVENTS // PROCESSES
    writers = [storm.start(share) for _ in range(PROCESSES - 1)]
    for number in range(KILLS):
        victim = storm.start(share)
        while storm.written() < EVENTS * (number + 1) // (KILLS + 2) and victim.poll() is None:
            admin.execute("select pg_sleep(0.02)")
        victim.kill()
        victim.wait()
    writers.append(storm.start(share))
    assert [writer.wait(600) for writer in writers] == [0] * PROCESSES
    over.set()
    for reader in readers.values():
        reader.thread.join(60)
        assert not reader.thread.is_alive()
    admin.execute(f"drop schema {own} cascade")
    check(admin, postgres_schema, readers, storm)


def check(admin, schema: str, readers: dict[str, Reader], storm: Storm) -> None:
    rows = admin.execute(
        f"select position, stream_id, version, type, event_id, tags from {schema}.event order by position"
    ).fetchall()
    assert len(rows) >= EVENTS
    assert storm.acknowledged() <= {row[4].bytes for row in rows}
    expected = partial(fitting, rows)
    for name, reader in readers.items():
        assert reader.rows == expected(QUERIES[name]), f"{name} read something else than what is stored"
    versions: dict[int, int] = {}
    for _, stream, version, *_ in rows:
        if stream is not None:
            assert version == versions.get(stream, 0) + 1, "a stream's versions follow its positions, without holes"
            versions[stream] = version
    assert rows[-1][0] > len(rows), "the storm left gaps, or it was none"


def fitting(rows: list[tuple], query: Query) -> list[tuple]:
    return [row[:4] for row in rows if query.matches(row[3], "storm" if row[1] else None, json.loads(row[5] or "[]"))]
