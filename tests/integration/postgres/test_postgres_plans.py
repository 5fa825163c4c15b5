"""Plans of what runs all day, on a table of 20,000 events: by an index, without a scan of a whole table."""

from __future__ import annotations

import json
from functools import partial

import pytest

from everfold.events.query import Query
from everfold.storage.postgres.packing import pack_ids, pack_int8
from everfold.storage.postgres.query import matching
from everfold.storage.postgres.statements import statements
from everfold.storage.postgres.store import PostgresStorage
from everfold.storage.unit import StreamAppend, Unit

LAST = 2**63 - 1
SCHEMA = "everfold_plans"


@pytest.fixture(scope="module")
def filled(postgres_url, words):
    """200 streams of 100 events, each event with a common and a rare tag, and its statistics."""
    storage = PostgresStorage(postgres_url, schema=SCHEMA)
    storage.migrate("auto")
    for number in range(200):
        events = tuple(words.event(f"type_{n % 20}", tags=(f"rare:{number}:{n}", f"room:{n % 10}")) for n in range(100))
        storage.commit(Unit("", (StreamAppend(f"stay-{number}", 0, events),)))
    session = storage._pool.acquire()
    session.run(f"analyze {SCHEMA}.event; analyze {SCHEMA}.event_tag; analyze {SCHEMA}.stream")
    yield session
    session.run(f"drop schema {SCHEMA} cascade")
    storage._pool.release(session)
    storage.close()


def nodes(plan: dict) -> list[dict]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def explained(session, statement: bytes, *parameters, generic: bool) -> list[dict]:
    """The plan's nodes, as the server plans the statement for these values, or once for all values."""
    session.run(f"set plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
    text = session.value(b"explain (format json) " + statement, *parameters)
    session.run(b"reset plan_cache_mode")
    plan = text if isinstance(text, list) else json.loads(text)
    return nodes(plan[0]["Plan"])


def indexes(plan: list[dict]) -> set[str]:
    return {node["Index Name"] for node in plan if "Index Name" in node}


def one(name: str, *parameters):
    return lambda: (statements(SCHEMA)[name], parameters)


def query(backwards: bool, asked: Query, partition: tuple[int, int] = (0, 1)):
    def made():
        found = matching(SCHEMA, asked, backwards, partition)
        return found.text, ("", 10_000, 20_000, 100, *found.parameters)

    return made


STATEMENTS = {
    "load a stream": (
        one("stream_forwards", "", "stay-7", 0, LAST, 200),
        {"stream_tenant_name_key", "event_stream_version"},
    ),
    "load backwards": (
        one("stream_backwards", "", "stay-7", 0, LAST, 1),
        {"stream_tenant_name_key", "event_stream_version"},
    ),
    "a page": (one("page", "", 10_000, LAST, 1000), {"event_pkey"}),
    "a page backwards": (one("page_backwards", "", 0, 10_000, 1000), {"event_pkey"}),
    "the tail": (one("page", "", 20_000, LAST, 1000), {"event_pkey"}),
    "the head": (one("last_position", "", 0, 20_000), {"event_pkey"}),
    "the first": (one("first_position", "", 10_000, LAST), {"event_pkey"}),
    "ids": (one("stored_places", "", pack_ids([bytes(16)])), {"event_id_unique"}),
    "names": (one("names", pack_int8([1, 2, 3]), ""), {"stream_pkey"}),
    "a stream's row": (one("stream_row", "", "stay-7"), {"stream_tenant_name_key"}),
    "a snapshot": (one("load_snapshot", "", "stay-7", "state", 1), {"snapshot_pkey"}),
    "a rare tag": (query(False, Query(tags=["rare:7:7"])), {"event_tag_pkey", "event_pkey"}),
    "two tags": (query(False, Query(tags=["rare:7:7", "room:7"])), {"event_tag_pkey", "event_pkey"}),
    "a tag and a type": (query(True, Query(tags=["room:7"], types=["type_7"])), {"event_tag_pkey", "event_pkey"}),
    "tags or tags": (
        query(False, Query(tags=["rare:7:7"]) | Query(tags=["rare:8:8"])),
        {"event_tag_pkey", "event_pkey"},
    ),
    "a type": (query(False, Query(types=["type_7"])), {"event_pkey"}),
    "a category": (query(False, Query(categories=["stay"])), {"event_pkey", "stream_pkey"}),
    "a part": (query(False, Query(), (1, 4)), {"event_pkey"}),
    "a part backwards": (query(True, Query(), (1, 4)), {"event_pkey"}),
    "a part by a tag": (query(False, Query(tags=["rare:7:7"]), (1, 4)), {"event_tag_pkey", "event_pkey"}),
    "an event's id": (one("event_id", "", 7), {"event_pkey"}),
}
SMALL = {"a stream's row", "names", "a snapshot"}
"""On tables this small the planner may scan for them; forbidden to, it must find the index."""


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_it_runs_by_its_index(filled, name, generic):
    made, expected = STATEMENTS[name]
    statement, parameters = made()
    filled.run(f"set enable_seqscan = {'off' if name in SMALL else 'on'}")
    plan = explained(filled, statement, *parameters, generic=generic)
    filled.run(b"reset enable_seqscan")
    scanned = {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
    assert not scanned & {"event", "event_tag"}, plan
    assert expected - {"stream_pkey", "stream_tenant_name_key"} <= indexes(plan)
    assert scanned <= {"stream"}


def test_a_rare_type_is_looked_for_in_windows_of_positions(filled, open_storage, words, monkeypatch):
    """No statement looks at more positions than the bound says; the cursor moves on though nothing matched."""
    from everfold import limits

    monkeypatch.setattr(limits, "SCAN_POSITIONS", 5_000)
    storage = PostgresStorage(filled.connection.info.dsn, schema=SCHEMA)
    ask = partial(words.log, storage, Query(types=["never"]))
    page = ask()
    steps = [page.position]
    while page.more:
        page = ask(after=page.position)
        steps.append(page.position)
    assert steps == [5_000, 10_000, 15_000, 20_000]
    page = ask(backwards=True)
    assert (page.rows, page.more, page.position) == ([], True, 15_001)
    storage.close()
