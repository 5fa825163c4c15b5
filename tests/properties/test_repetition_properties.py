"""The rule of repetition against brute force: every unit, against every log of a few events."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import everfold as ef
from everfold.storage.repetition import ids_of, refuse_reused_ids, repetition
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

STREAMS = ("a-1", "b-1", None)
IDS = [bytes([n]) * 16 for n in range(8)]


@st.composite
def logs(draw):
    """id → place, for events in streams and outside, at positions with gaps."""
    ids = draw(st.permutations(IDS))[: draw(st.integers(4, len(IDS)))]
    positions = sorted(draw(st.sets(st.integers(1, 30), min_size=len(ids), max_size=len(ids))))
    stored, versions = {}, dict.fromkeys(STREAMS, 0)
    for event_id, position in zip(ids, positions, strict=True):
        stream = draw(st.sampled_from(STREAMS))
        versions[stream] += 1
        stored[event_id] = (position, stream, None if stream is None else versions[stream], 1_000 + position)
    return stored


def encoded(ids) -> tuple[EncodedEvent, ...]:
    return tuple(EncodedEvent(event_id, "t", 1, b"{}") for event_id in ids)


def home_of(stored, stream) -> list[bytes]:
    return [event_id for event_id, place in sorted(stored.items(), key=lambda one: one[1]) if place[1] == stream]


@st.composite
def pieces(draw, stored):
    """An append that stands in the log, or differs from one that does in a single way."""
    stream = draw(st.sampled_from(STREAMS))
    home = home_of(stored, stream)
    start = draw(st.integers(0, max(0, len(home) - 1)))
    ids = home[start : start + draw(st.sampled_from([3, 2, 1, 0]))]
    expected = -1 if stream is None else draw(st.sampled_from([start, start, -1, -2]))
    twist = draw(st.sampled_from(["none", "none", "none", "order", "stream", "expectation", "ids"]))
    if twist == "order":
        ids = draw(st.permutations(ids))
    elif twist == "stream":
        stream = draw(st.sampled_from(STREAMS))
    elif twist == "expectation" and stream is not None:
        expected = draw(st.sampled_from([0, start + 1]))
    elif twist == "ids":
        ids = draw(st.lists(st.sampled_from(IDS), max_size=3))
    return StreamAppend(stream, -1 if stream is None else expected, encoded(ids))


@st.composite
def cases(draw):
    stored = draw(logs())
    return stored, Unit(
        "", tuple(draw(st.one_of(*(st.lists(pieces(stored), min_size=n, max_size=n) for n in (1, 1, 2)))))
    )


def brute_force(append: StreamAppend, stored) -> list[bytes] | None:
    """The run of stored events that the append is, found among all runs that there are."""
    ids = [event.id for event in append.events]
    home = home_of(stored, append.stream)
    if append.stream is None:
        runs = [(0, list(run)) for run in combinations(home, len(ids))]
    else:
        runs = [(start, home[start : start + len(ids)]) for start in range(len(home) - len(ids) + 1)]
    fitting = [run for start, run in runs if run == ids and append.expected in (-2, -1, start)]
    return fitting[0] if fitting else None


@given(cases())
def test_a_unit_is_a_repetition_when_each_append_with_events_is_a_run_of_the_log(case):
    stored, unit = case
    with_events = [append for append in unit.appends if append.events]
    runs = [brute_force(append, stored) for append in with_events]
    found = repetition(unit, {i: stored[i] for i in ids_of(unit) if i in stored})
    if not runs or None in runs:
        assert found is None
        return
    assert found is not None
    assert found.repeated
    assert len(found.appends) == len(unit.appends)
    results = [result for append, result in zip(unit.appends, found.appends, strict=True) if append.events]
    for run, result in zip(runs, results, strict=True):
        assert list(result.positions) == [stored[event_id][0] for event_id in run]
        assert result.version == stored[run[-1]][2]
        assert result.recorded_at == stored[run[0]][3]


@given(st.lists(st.lists(st.sampled_from(IDS), max_size=2), max_size=3), st.sets(st.sampled_from(IDS), max_size=3))
def test_an_id_is_refused_exactly_when_it_is_stored_or_stands_twice(sent, known):
    unit = Unit("", tuple(StreamAppend(None, -1, encoded(ids)) for ids in sent))
    stored = dict.fromkeys(known, (1, None, None, 0))
    ids = ids_of(unit)
    twice = {i for i in ids if ids.count(i) > 1}
    reused = {i for i in ids if i in stored} or twice
    if not reused:
        refuse_reused_ids(unit, stored)
        return
    with pytest.raises(ef.EventIdReusedError) as refused:
        refuse_reused_ids(unit, stored)
    assert {event_id.bytes for event_id in refused.value.ids} == reused


def test_each_append_of_up_to_three_events_is_judged_as_brute_force_judges_it():
    """All 5,418 of them, against a log of six events."""
    places = [(1, "a-1", 1), (2, "b-1", 1), (3, "a-1", 2), (4, "a-1", 3), (5, None, None), (6, None, None)]
    stored = {event_id: (*place, 0) for event_id, place in zip(IDS, places, strict=False)}
    orders = [ids for length in (1, 2, 3) for ids in product(stored, repeat=length)]
    repeated = 0
    for stream, expected, ids in product(STREAMS, range(-2, 5), orders):
        append = StreamAppend(stream, expected if stream else -1, encoded(ids))
        found = repetition(Unit("", (append,)), stored)
        run = brute_force(append, stored)
        assert (found is None) == (run is None), append
        repeated += found is not None
        assert found is None or list(found.appends[0].positions) == [stored[i][0] for i in ids]
    assert repeated > 40


def test_the_same_id_sent_twice_outside_streams_is_no_repetition_of_one_event():
    stored = {IDS[0]: (1, None, None, 1_001)}
    assert repetition(Unit("", (StreamAppend(None, -1, encoded([IDS[0]])),)), stored) is not None
    assert repetition(Unit("", (StreamAppend(None, -1, encoded([IDS[0], IDS[0]])),)), stored) is None
