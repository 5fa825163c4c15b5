"""A store in a schema of the test's own, connections beside it, and short words for units and events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from everfold.events.query import AppendCondition, Query
from everfold.runtime.ids import new_id
from everfold.storage.postgres.store import PostgresStorage
from everfold.storage.postgres.store_async import AsyncPostgresStorage
from everfold.storage.unit import Committed, EncodedEvent, Page, StreamAppend, StreamMark, Unit


class Words:
    """What the tests of this folder say often."""

    def event(self, type_name: str = "guest_checked_in", *, id: bytes | None = None, tags: tuple[str, ...] = ()):
        return EncodedEvent(id or new_id().bytes, type_name, 1, b'{"room":12}', b'{"actor":"a"}', tags)

    def events(self, count: int) -> tuple[EncodedEvent, ...]:
        return tuple(self.event() for _ in range(count))

    def append(self, stream: str | None, expected: int = -1, *events: EncodedEvent) -> Unit:
        return Unit("", (StreamAppend(stream, expected, events or (self.event(),)),))

    def tagged(
        self, *tags: str, stream: str | None = None, after: int | None = None, query: Query | None = None
    ) -> Unit:
        """One event with these tags; with `after`, unless an event of the query (default: the tags) stands after it."""
        guarded = query or Query(tags=tags)
        conditions = () if after is None else (AppendCondition(guarded, after),)
        return Unit("", (StreamAppend(stream, -1, (self.event(tags=tags),)),), conditions)

    def tombstone(self, stream: str) -> Unit:
        return Unit("", marks=(StreamMark(stream, tombstone=True),))

    def positions(self, committed: Committed) -> list[int]:
        return [position for append in committed.appends for position in append.positions]

    def stream(self, storage: PostgresStorage, name: str, **asked) -> Page:
        asked = {"after_version": 0, "up_to_version": None, "backwards": False, "limit": 1000} | asked
        return storage.read_stream("", name, **asked)

    def log(self, storage: PostgresStorage, query: Query | None = None, **asked) -> Page:
        asked = {"after": 0, "before": None, "backwards": False, "limit": 1000} | asked
        return storage.read_all(asked.pop("tenant", ""), query=query or Query(), **asked)

    def everything(self, storage: PostgresStorage, query: Query | None = None, **asked) -> list[int]:
        """The positions of the whole log, page by page."""
        found: list[int] = []
        after = 0
        while True:
            page = self.log(storage, query, after=after, **asked)
            found += [row[0] for row in page.rows]
            after = page.position
            if not page.more:
                return found


@pytest.fixture(scope="session")
def words() -> Words:
    return Words()


@pytest.fixture
def open_storage(postgres_url: str, postgres_schema: str) -> Iterator[Callable[..., PostgresStorage]]:
    """`open_storage(**options)`: one more store on the test's schema, as another process has it."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            closing(PostgresStorage(options.pop("url", postgres_url), schema=postgres_schema, **options))
        )


@pytest.fixture
def storage(open_storage: Callable[..., PostgresStorage]) -> PostgresStorage:
    opened = open_storage()
    opened.migrate("auto")
    return opened


@pytest.fixture
async def async_storage(postgres_url: str, postgres_schema: str) -> AsyncIterator[AsyncPostgresStorage]:
    opened = AsyncPostgresStorage(postgres_url, schema=postgres_schema)
    await opened.migrate("auto")
    yield opened
    await opened.close()


@pytest.fixture
def connect(postgres_url: str) -> Iterator[Callable[..., psycopg.Connection]]:
    """`connect(**options)`: a connection of the application's own, closed after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            closing(psycopg.connect(options.pop("url", postgres_url), **({"options": "-c lock_timeout=30s"} | options)))
        )


@pytest.fixture
def until_waiting(connect: Callable[..., psycopg.Connection]) -> Callable[[int], None]:
    """`until_waiting(pid)` returns as soon as that session waits for a lock."""
    watcher = connect(autocommit=True)

    def wait(pid: int) -> None:
        for _ in range(3000):
            row = watcher.execute(
                "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s", (pid,)
            ).fetchone()
            if row is not None and row[0]:
                return
            watcher.execute("select pg_sleep(0.01)")
        raise AssertionError(f"session {pid} never waited for a lock")

    return wait


@pytest.fixture(scope="session")
def postgres_programs(postgres_url: str) -> Path:
    """Where pg_dump and psql of the server's own version are."""
    with closing(psycopg.connect(postgres_url)) as connection:
        (folder,) = connection.execute("select setting from pg_config where name = 'BINDIR'").fetchone()
    return Path(folder)
