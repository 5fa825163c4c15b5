"""A store in a file of the test's own, and short words for units and events."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from everfold.events.query import AppendCondition, Query
from everfold.runtime.ids import new_id
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.sqlite.store_async import AsyncSqliteStorage
from everfold.storage.unit import EncodedEvent, Page, StreamAppend, StreamMark, Unit

PROGRAMS = Path(__file__).with_name("programs")


class Words:
    """What the tests of this folder say often."""

    def event(self, type_name: str = "guest_checked_in", *, id: bytes | None = None, tags: tuple[str, ...] = ()):
        return EncodedEvent(id or new_id().bytes, type_name, 1, b'{"room":12}', b'{"actor":"a"}', tags)

    def events(self, count: int) -> tuple[EncodedEvent, ...]:
        return tuple(self.event() for _ in range(count))

    def append(self, stream: str | None, expected: int = -1, *, events: tuple[EncodedEvent, ...] | None = None) -> Unit:
        return Unit("", (StreamAppend(stream, expected, (self.event(),) if events is None else events),))

    def tombstone(self, stream: str) -> Unit:
        return Unit("", marks=(StreamMark(stream, tombstone=True),))

    def truncate(self, stream: str, before: int) -> Unit:
        return Unit("", marks=(StreamMark(stream, truncate_before=before),))

    def condition(self, *, tags: tuple[str, ...] = (), after: int = 0, seen: tuple[int, ...] = ()) -> AppendCondition:
        return AppendCondition(Query(tags=tags), after, seen)

    def stream(self, storage: SqliteStorage, name: str, **asked) -> Page:
        asked = {"after_version": 0, "up_to_version": None, "backwards": False, "limit": 1000} | asked
        return storage.read_stream("", name, **asked)

    def log(self, storage: SqliteStorage, query: Query | None = None, **asked) -> Page:
        asked = {"after": 0, "before": None, "backwards": False, "limit": 1000} | asked
        return storage.read_all(asked.pop("tenant", ""), query=query or Query(), **asked)

    def everything(self, storage: SqliteStorage, query: Query | None = None, **asked) -> list[tuple]:
        """The whole log, page by page, each event with its stream's name."""
        found: list[tuple] = []
        after = 0
        while True:
            page = self.log(storage, query, after=after, **asked)
            found += [(row[0], page.names[row[1]] if row[1] is not None else None, *row[2:]) for row in page.rows]
            after = page.position
            if not page.more:
                return found


@pytest.fixture(scope="session")
def words() -> Words:
    return Words()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


@pytest.fixture
def storage(path: str) -> Iterator[SqliteStorage]:
    with closing(SqliteStorage(path)) as opened:
        opened.migrate("auto")
        yield opened


@pytest.fixture
def another(path: str, storage: SqliteStorage) -> Iterator[SqliteStorage]:
    """A second store on the same file, as another process has it."""
    with closing(SqliteStorage(path)) as opened:
        yield opened


@pytest.fixture
async def async_storage(path: str) -> AsyncIterator[AsyncSqliteStorage]:
    opened = AsyncSqliteStorage(path)
    await opened.migrate("auto")
    yield opened
    await opened.close()


@pytest.fixture
def raw(path: str, storage: SqliteStorage) -> Iterator[sqlite3.Connection]:
    """A connection of the application's own to the store's file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def start_program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `programs/<name>.py` in a process of its own; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(PROGRAMS / f"{name}.py"), *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
