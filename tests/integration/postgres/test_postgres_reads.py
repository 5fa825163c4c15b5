"""Reading: gaps, tenants, names of streams, and processes that were forked."""

from __future__ import annotations

import os
import warnings

from everfold import limits
from everfold.events.query import Query
from everfold.storage.unit import StreamAppend, Unit


def test_a_log_full_of_gaps_is_read_whole_in_pages_of_any_size(storage, connect, words):
    for number in range(30):
        if number % 3 == 1:
            connection = connect()
            storage.join(connection).commit(words.append("wasted"))
            connection.rollback()
        storage.commit(words.append(f"stay-{number}"))
    stored = words.everything(storage)
    assert len(stored) == 30
    assert stored[-1] == 40
    for limit in (1, 2, 7, 1000):
        assert words.everything(storage, limit=limit) == stored
        assert words.everything(storage, Query(categories=["stay"]), limit=limit) == stored


def test_backwards_pages_meet_the_same_events(storage, words):
    for number in range(10):
        storage.commit(words.append("stay-1", -1, words.event("even" if number % 2 else "odd")))
    for query in (Query(), Query(types=["even"])):
        found, before, more = [], None, True
        while more:
            page = words.log(storage, query, backwards=True, before=before, limit=3)
            found += [row[0] for row in page.rows]
            before, more = page.position, page.more
        assert found == words.everything(storage, query)[::-1]


def test_a_cursor_is_a_place_where_an_event_stood(storage, connect, words):
    """After a crash the sequence may stand lower again, so a place that no event had may become one."""
    first = words.positions(storage.commit(words.append("stay-1")))
    connection = connect()
    storage.join(connection).commit(words.append("wasted"))
    connection.rollback()
    for query in (Query(), Query(types=["never"]), Query(tags=["never"])):
        assert words.log(storage, query).position == first[0]
    assert storage.head("") == first[0]
    assert words.log(storage, beyond_horizon=True).horizon == first[0]


def test_a_read_beyond_the_horizon_gives_what_is_committed_and_says_where_the_horizon_was(storage, connect, words):
    storage.commit(words.append("stay-1"))
    late = connect()
    storage.join(late).commit(words.append("late"))
    storage.commit(words.append("stay-2"))
    page = words.log(storage, beyond_horizon=True)
    assert ([row[0] for row in page.rows], page.horizon) == ([1, 3], 1)
    assert words.everything(storage) == [1]
    late.rollback()


def test_tenants_see_their_own_events_streams_and_types_only(storage, words):
    for tenant in ("a", "b"):
        unit = words.append("stay-1", 0, words.event(f"type_{tenant}", tags=("room:12",)))
        storage.commit(Unit(tenant, unit.appends))
    for position, tenant in enumerate(("a", "b"), 1):
        assert words.everything(storage, tenant=tenant) == [position]
        assert words.everything(storage, Query(tags=["room:12"]), tenant=tenant) == [position]
        assert storage.head(tenant) == position
        assert storage.stream_row(tenant, "stay-1").version == 1
        assert [count.type for count in storage.type_counts(tenant)] == [f"type_{tenant}"]
    assert storage.head("") == 0


def test_an_id_may_be_used_by_two_tenants(storage, words):
    event = words.event()
    for tenant in ("a", "b"):
        assert not storage.commit(Unit(tenant, (StreamAppend("stay-1", 0, (event,)),))).repeated


def test_no_part_of_the_log_is_read_past_an_open_append(storage, connect, words):
    """Whichever part that append's stream will turn out to be in."""
    storage.commit(words.append("stay-1"))
    holder = connect()
    storage.join(holder).commit(words.append("stay-2"))
    storage.commit(words.append("stay-3"))
    parts = [(part, 3) for part in range(3)]
    before = [words.log(storage, partition=part) for part in parts]
    assert sorted(row[0] for page in before for row in page.rows) == [1]
    assert {(page.position, page.blocked) for page in before} == {(1, True)}
    holder.commit()
    after = [words.log(storage, partition=part, after=page.position) for part, page in zip(parts, before, strict=True)]
    assert sorted(row[0] for page in after for row in page.rows) == [2, 3]
    assert {(page.position, page.blocked) for page in after} == {(3, False)}


def test_a_part_is_read_in_windows_of_positions_too(storage, words, monkeypatch):
    monkeypatch.setattr(limits, "SCAN_POSITIONS", 5)
    for number in range(4):
        storage.commit(words.append(f"stay-{number}", 0, *words.events(5)))
    found = {part: words.everything(storage, partition=(part, 64)) for part in range(64)}
    assert sorted(position for positions in found.values() for position in positions) == list(range(1, 21))
    assert sorted(map(len, found.values()))[-5:] == [0, 5, 5, 5, 5]


def test_a_page_keeps_its_names_when_the_cache_is_begun_anew(storage, words, monkeypatch):
    monkeypatch.setattr(limits, "NAME_CACHE_ENTRIES", 4)
    for number in range(12):
        storage.commit(words.append(f"stay-{number}"))
    pages = [words.log(storage, after=after, limit=3) for after in (0, 3, 6, 9)]
    names = [[page.names[row[1]] for row in page.rows] for page in pages]
    assert [name for page in names for name in page] == [f"stay-{number}" for number in range(12)]
    assert len(storage._reader._names) <= 4


def test_a_forked_process_opens_connections_of_its_own_and_is_woken_by_others(storage, words):
    storage.commit(words.append("stay-1", 0))
    storage.wait(storage.hint(), 0.05)
    outcome, report = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads do not follow a fork: what this is about
        child = os.fork()
    if child == 0:
        try:
            hint = storage.hint()
            version = storage.commit(words.append("stay-1", 1)).appends[0].version
            hint = storage.hint()
            os.write(report, f"{version} ".encode())
            woken = any(storage.wait(hint, 5.0) and words.everything(storage)[-1] == 3 for _ in range(10))
            os.write(report, f"{woken}".encode())
        finally:
            os._exit(0)
    assert os.read(outcome, 10) == b"2 "
    assert storage.commit(words.append("stay-1", 2)).appends[0].version == 3
    os.waitpid(child, 0)
    assert os.read(outcome, 10) == b"True"
    os.close(outcome)
    os.close(report)
