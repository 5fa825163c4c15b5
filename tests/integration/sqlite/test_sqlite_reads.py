"""Pages of streams and of the log, through the port."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everfold import limits
from everfold.errors import StreamTombstonedError
from everfold.events.query import Query
from everfold.events.stream import category_of
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.unit import Snapshot, StreamAppend, TypeCount, Unit

TYPES = ("guest_checked_in", "charge_recorded", "guest_checked_out")
STREAMS = ("stay-1", "stay-2", "shift-1", "folio", None)
TAGS = ("room:1", "room:2", "guest:7")


@pytest.fixture
def five(storage, words):
    storage.commit(words.append("stay-1", 0, events=words.events(5)))
    return storage


@pytest.mark.parametrize(
    ("asked", "versions"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"after_version": 2}, [3, 4, 5]),
        ({"up_to_version": 2}, [1, 2]),
        ({"after_version": 1, "up_to_version": 4, "limit": 2}, [2, 3]),
        ({"backwards": True}, [5, 4, 3, 2, 1]),
        ({"backwards": True, "up_to_version": 4, "limit": 2}, [4, 3]),
        ({"after_version": 5}, []),
        ({"after_version": 2**70}, []),
        ({"up_to_version": 2**70}, [1, 2, 3, 4, 5]),
    ],
)
def test_a_page_of_a_stream_has_the_versions_asked_for(five, words, asked, versions):
    page = words.stream(five, "stay-1", **asked)
    assert [row[2] for row in page.rows] == versions
    assert page.version == 5


def test_hidden_versions_are_left_out_and_the_version_stays(five, words):
    five.commit(words.truncate("stay-1", 4))
    assert [row[2] for row in words.stream(five, "stay-1").rows] == [4, 5]
    assert [row[2] for row in words.stream(five, "stay-1", backwards=True, up_to_version=4).rows] == [4]
    assert words.stream(five, "stay-1", up_to_version=2).version == 5


def test_an_unknown_stream_is_an_empty_page_at_version_0(storage, words):
    page = words.stream(storage, "stay-9")
    assert (page.rows, page.version, page.more) == ([], 0, False)


def test_a_tombstoned_stream_is_not_read_but_its_events_stay_in_the_log(five, words):
    five.commit(words.tombstone("stay-1"))
    with pytest.raises(StreamTombstonedError):
        words.stream(five, "stay-1")
    assert len(words.log(five).rows) == 5


def test_a_row_has_the_envelopes_order(storage, words):
    event = words.event(tags=("room:1",))
    storage.commit(Unit("", (StreamAppend("stay-1", 0, (event,)),), recorded_at=9))
    page = words.log(storage)
    ((position, key, *rest),) = page.rows
    assert (position, page.names[key]) == (1, "stay-1")
    assert rest == [1, event.type, 1, event.id, 9, event.data, event.metadata, '["room:1"]']
    assert words.stream(storage, "stay-1").names[key] == "stay-1"


@pytest.mark.parametrize(
    ("asked", "positions", "continues"),
    [
        ({}, [1, 2, 3, 4, 5], (5, False)),
        ({"limit": 2}, [1, 2], (2, True)),
        ({"after": 3, "limit": 2}, [4, 5], (5, False)),
        ({"after": 5}, [], (5, False)),
        ({"after": 2**70}, [], (2**70, False)),
        ({"after": 1, "before": 4}, [2, 3], (3, False)),
        ({"backwards": True}, [5, 4, 3, 2, 1], (1, False)),
        ({"backwards": True, "limit": 2}, [5, 4], (4, True)),
        ({"backwards": True, "before": 4, "limit": 2}, [3, 2], (2, True)),
        ({"backwards": True, "before": 4, "after": 1}, [3, 2], (2, False)),
        ({"backwards": True, "before": 1}, [], (1, False)),
    ],
)
def test_a_page_of_the_log_says_where_the_next_one_begins(five, words, asked, positions, continues):
    page = words.log(five, **asked)
    assert [row[0] for row in page.rows] == positions
    assert (page.position, page.more) == continues
    assert (page.blocked, page.horizon) == (False, 0)


def test_a_read_beyond_the_horizon_says_which_horizon_it_took(five, words):
    page = words.log(five, limit=2, beyond_horizon=True)
    assert (page.horizon, page.position, page.more) == (5, 2, True)


def test_a_rare_type_is_looked_for_window_by_window(storage, words, monkeypatch):
    monkeypatch.setattr(limits, "SCAN_POSITIONS", 10)
    for number in range(35):
        name = "rare" if number in (3, 31) else "common"
        storage.commit(words.append("stay-1", events=(words.event(name),)))
    query = Query(types=["rare"])
    pages, after = [], 0
    while not pages or pages[-1].more:
        pages.append(words.log(storage, query, after=after))
        after = pages[-1].position
    assert [[row[0] for row in page.rows] for page in pages] == [[4], [], [], [32]]
    assert [page.position for page in pages] == [10, 20, 30, 35]
    backwards = words.log(storage, query, backwards=True)
    assert ([row[0] for row in backwards.rows], backwards.position, backwards.more) == ([32], 26, True)


def test_two_tags_that_seldom_meet_are_looked_for_window_by_window(storage, words, monkeypatch):
    monkeypatch.setattr(limits, "SCAN_POSITIONS", 10)
    for number in range(35):
        tags = ("even", "odd") if number == 31 else ("odd",) if number % 2 else ("even",)
        storage.commit(words.append(None, events=(words.event(tags=tags),)))
    query = Query(tags=["even", "odd"])
    first = words.log(storage, query)
    assert (first.rows, first.more) == ([], True)
    assert first.position < 32
    assert [row[0] for row in words.everything(storage, query)] == [32]


def test_the_rarest_tag_drives_the_read(storage, words, monkeypatch):
    monkeypatch.setattr(limits, "SCAN_POSITIONS", 10)
    for number in range(35):
        tags = ("a-common", "rare") if number == 31 else ("a-common",)
        storage.commit(words.append(None, events=(words.event(tags=tags),)))
    page = words.log(storage, Query(tags=["a-common", "rare"]))
    assert ([row[0] for row in page.rows], page.position, page.more) == ([32], 35, False)


items = st.builds(
    Query,
    types=st.lists(st.sampled_from(TYPES), max_size=2),
    categories=st.lists(st.sampled_from(["stay", "shift", "folio"]), max_size=2),
    tags=st.lists(st.sampled_from(TAGS), max_size=2),
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, words):
    """A log of every type × stream × set of tags, twice, in steps that don't line up."""
    storage = SqliteStorage(str(tmp_path_factory.mktemp("mixed") / "store.db"))
    storage.migrate("auto")
    for number in range(240):
        tags = tuple(sorted(tag for bit, tag in enumerate(TAGS) if number % 8 >> bit & 1))
        event = words.event(TYPES[number % 3], tags=tags)
        storage.commit(words.append(STREAMS[number % 5], events=(event,)))
    yield storage, words.everything(storage)
    storage.close()


@given(
    queries=st.lists(items, min_size=1, max_size=3),
    between=st.tuples(st.integers(0, 250), st.none() | st.integers(1, 250)),
    paging=st.tuples(st.booleans(), st.integers(1, 60)),
)
def test_every_query_gives_what_its_rule_says(mixed, words, queries, between, paging):
    storage, log = mixed
    (after, before), (backwards, limit) = between, paging
    query = Query.of([item for one in queries for item in one.items])
    wanted = [
        row[0]
        for row in log
        if row[0] > after
        and (before is None or row[0] < before)
        and query.matches(row[3], None if row[1] is None else category_of(row[1]), json.loads(row[9] or "[]"))
    ]
    wanted = wanted[::-1] if backwards else wanted
    found: list[int] = []
    while True:
        page = words.log(storage, query, after=after, before=before, backwards=backwards, limit=limit)
        assert [row[0] for row in page.rows] == wanted[len(found) : len(found) + limit]
        found += [row[0] for row in page.rows]
        if not page.more:
            break
        after, before = (after, page.position) if backwards else (page.position, before)
    assert found == wanted


def test_a_page_keeps_its_names_when_the_cache_begins_anew(storage, words, monkeypatch):
    monkeypatch.setattr(limits, "NAME_CACHE_ENTRIES", 3)
    for number in range(9):
        storage.commit(words.append(f"stay-{number}", 0))
    pages = [words.log(storage, after=after, limit=2) for after in range(0, 8, 2)]
    names = [page.names[row[1]] for page in pages for row in page.rows]
    assert names == [f"stay-{number}" for number in range(8)]


def test_streams_are_listed_by_name_and_category(storage, words):
    for name in ("stay-2", "stay-10", "stay", "stay+1", "stayed-1", "shift-1", "stäy-1"):
        storage.commit(words.append(name, 0))

    def names(category=None, after="", limit=100):
        return [row.name for row in storage.stream_rows("", category=category, after=after, limit=limit)]

    assert names() == sorted(names(), key=str.encode)
    assert len(names()) == 7
    assert names("stay") == ["stay", "stay-10", "stay-2"]
    assert names("stay", after="stay", limit=1) == ["stay-10"]
    assert names("stay+1") == ["stay+1"]
    assert names("none") == []


def test_types_are_counted(storage, words):
    events = (words.event("b"), words.event("a"), words.event("b"))
    storage.commit(words.append("stay-1", 0, events=events))
    assert storage.type_counts("") == [TypeCount("a", 1, 1), TypeCount("b", 1, 2)]
    assert storage.type_counts("another") == []


def test_a_snapshot_is_found_by_its_schema_version(storage):
    snapshot = Snapshot("stay-1", "stay", 2, 7, b"state")
    storage.commit(Unit("", snapshots=(snapshot,)))
    assert storage.load_snapshot("", "stay-1", "stay", 2) == snapshot
    assert storage.load_snapshot("", "stay-1", "stay", 1) is None
    assert storage.load_snapshot("another", "stay-1", "stay", 2) is None


def test_readers_see_whole_units_while_a_writer_writes(storage, words):
    """Each unit appends one event to each of two streams: a read that sees half of one would see odd numbers."""
    done = threading.Event()
    torn: list[int] = []

    def read() -> None:
        while not done.is_set():
            page = words.log(storage)
            torn.extend([len(page.rows)] if len(page.rows) % 2 and not page.more else [])

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(200):
        pair = tuple(StreamAppend(name, -1, words.events(1)) for name in ("stay-1", "stay-2"))
        storage.commit(Unit("", pair))
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert len(words.everything(storage)) == 400
