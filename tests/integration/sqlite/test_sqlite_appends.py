"""What a unit becomes, or why it is refused, through the port."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from everfold.errors import (
    AppendConditionFailedError,
    ConfigurationError,
    EventIdReusedError,
    StreamArchivedError,
    StreamTombstonedError,
    WrongExpectedVersionError,
)
from everfold.events.expected import STREAM_EXISTS
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.unit import Appended, Snapshot, StreamAppend, StreamMark, Unit


def test_versions_and_positions_follow_one_another(storage, words):
    first = storage.commit(words.append("stay-1", 0, events=words.events(3)))
    second = storage.commit(words.append("stay-1", 3, events=words.events(2)))
    assert [a.version for c in (first, second) for a in c.appends] == [3, 5]
    assert [*first.appends[0].positions, *second.appends[0].positions] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("expected", "fits"), [(0, False), (1, False), (2, True), (3, False), (-1, True), (-2, True)])
def test_an_expectation_is_held_against_the_streams_version(storage, words, expected, fits):
    storage.commit(words.append("stay-1", 0, events=words.events(2)))
    if fits:
        assert storage.commit(words.append("stay-1", expected)).appends[0].version == 3
    else:
        with pytest.raises(WrongExpectedVersionError) as refused:
            storage.commit(words.append("stay-1", expected))
        assert (refused.value.stream, refused.value.expected, refused.value.actual) == ("stay-1", expected, 2)


def test_a_stream_that_never_was_does_not_exist(storage, words):
    with pytest.raises(WrongExpectedVersionError) as refused:
        storage.commit(words.append("stay-1", -2))
    assert (refused.value.expected, refused.value.actual) == (STREAM_EXISTS, 0)


def test_an_append_without_events_only_checks(storage, words):
    storage.commit(words.append("stay-1", 0, events=words.events(2)))
    before = storage.stream_row("", "stay-1")
    assert storage.commit(words.append("stay-1", 2, events=())).appends == (Appended(2, (), 0),)
    assert storage.commit(words.append("stay-9", 0, events=())).appends == (Appended(0, (), 0),)
    assert storage.commit(words.append(None, events=())).appends == (Appended(None, (), 0),)
    assert storage.stream_row("", "stay-1") == before
    assert storage.stream_row("", "stay-9") is None
    with pytest.raises(WrongExpectedVersionError):
        storage.commit(words.append("stay-1", 1, events=()))


def test_the_appends_of_a_unit_see_the_ones_before_them(storage, words):
    appends = (
        StreamAppend("stay-1", 0, words.events(2)),
        StreamAppend("stay-2", 0, words.events(1)),
        StreamAppend("stay-1", 2, words.events(1)),
        StreamAppend(None, -1, words.events(1)),
        StreamAppend("stay-1", 3, ()),
    )
    committed = storage.commit(Unit("", appends))
    assert [(a.version, list(a.positions)) for a in committed.appends] == [
        (2, [1, 2]),
        (1, [3]),
        (3, [4]),
        (None, [5]),
        (3, []),
    ]
    assert [row[2] for row in words.stream(storage, "stay-1").rows] == [1, 2, 3]


def test_a_refused_unit_leaves_nothing_and_uses_no_position(storage, words):
    storage.commit(words.append("stay-1", 0))
    refused = Unit("", (StreamAppend("stay-2", 0, words.events(5)), StreamAppend("stay-1", 0, words.events(1))))
    with pytest.raises(WrongExpectedVersionError):
        storage.commit(refused)
    assert storage.stream_row("", "stay-2") is None
    assert list(storage.commit(words.append("stay-3", 0)).appends[0].positions) == [2]


def test_ids_that_are_stored_use_no_position_either(storage, words, raw):
    known = words.event()
    storage.commit(words.append("stay-1", 0, events=(known,)))
    with pytest.raises(EventIdReusedError):
        storage.commit(words.append("stay-2", 0, events=(words.event(), known)))
    assert storage.stream_row("", "stay-2") is None
    assert raw.execute("select name, seq from sqlite_sequence order by name").fetchall() == [
        ("everfold_event", 1),
        ("everfold_stream", 1),
    ]


@pytest.mark.parametrize("expected", [0, -1])
def test_a_repeated_append_gives_its_first_result(storage, words, expected):
    unit = words.append("stay-1", expected, events=words.events(3))
    first = storage.commit(unit)
    storage.commit(words.append("stay-1", 3))
    again = storage.commit(unit)
    assert again.repeated
    assert again.appends == first.appends
    assert len(words.everything(storage)) == 4


def test_a_repeated_append_to_an_existing_stream_gives_its_first_result(storage, words):
    storage.commit(words.append("stay-1", 0))
    unit = words.append("stay-1", -2, events=words.events(2))
    first = storage.commit(unit)
    assert storage.commit(unit).appends == first.appends
    assert storage.stream_row("", "stay-1").version == 3


def test_a_unit_with_a_condition_that_repeats_gives_its_first_result(storage, words):
    append = StreamAppend(None, -1, (words.event(tags=("room:12",)),))
    unit = Unit("", (append,), (words.condition(tags=("room:12",)),))
    first = storage.commit(unit)
    again = storage.commit(unit)
    assert (again.repeated, again.appends) == (True, first.appends)


def test_a_repetition_is_known_after_the_stream_was_tombstoned(storage, words):
    unit = words.append("stay-1", 0)
    first = storage.commit(unit)
    storage.commit(words.tombstone("stay-1"))
    assert storage.commit(unit).appends == first.appends


def test_an_id_twice_in_one_unit_is_refused(storage, words):
    event = words.event()
    with pytest.raises(EventIdReusedError):
        storage.commit(words.append("stay-1", 0, events=(event, event)))
    assert words.everything(storage) == []


def test_part_of_an_earlier_append_is_no_repetition(storage, words):
    events = words.events(3)
    storage.commit(words.append("stay-1", 0, events=events))
    with pytest.raises(EventIdReusedError):
        storage.commit(words.append("stay-1", -1, events=(*events[1:], words.event())))


def test_two_tenants_share_nothing(storage, words):
    event = words.event()
    append = (StreamAppend("stay-1", 0, (event,)),)
    storage.commit(Unit("north", append))
    storage.commit(Unit("south", append))
    storage.commit(Unit("south", (StreamAppend("stay-1", 1, words.events(1)),)))
    assert [storage.head(tenant) for tenant in ("north", "south", "west")] == [1, 3, 0]
    assert [storage.stream_row(tenant, "stay-1").version for tenant in ("north", "south")] == [1, 2]
    assert [row[0] for row in words.everything(storage, tenant="south")] == [2, 3]
    assert words.everything(storage, tenant="west") == []


def test_a_condition_refuses_when_a_matching_event_came_after(storage, words):
    storage.commit(words.append(None, events=(words.event(tags=("room:12",)),)))
    append = (StreamAppend(None, -1, words.events(1)),)
    storage.commit(Unit("", append, (words.condition(tags=("room:12",), after=1),)))
    with pytest.raises(AppendConditionFailedError) as refused:
        storage.commit(Unit("", (StreamAppend(None, -1, words.events(1)),), (words.condition(tags=("room:12",)),)))
    assert (refused.value.after, refused.value.position) == (0, 1)


def test_a_condition_passes_over_what_it_has_seen(storage, words):
    for _ in range(3):
        storage.commit(words.append(None, events=(words.event(tags=("room:12",)),)))
    append = (StreamAppend(None, -1, words.events(1)),)
    with pytest.raises(AppendConditionFailedError) as refused:
        storage.commit(Unit("", append, (words.condition(tags=("room:12",), seen=(1, 3)),)))
    assert refused.value.position == 2
    assert storage.commit(Unit("", append, (words.condition(tags=("room:12",), seen=(1, 2, 3)),))).appends


def test_a_condition_does_not_see_the_events_beside_it(storage, words):
    unit = Unit("", (StreamAppend(None, -1, (words.event(tags=("a",)),)),), (words.condition(tags=("a",)),))
    assert list(storage.commit(unit).appends[0].positions) == [1]


def test_the_wrong_version_is_told_before_the_condition(storage, words):
    storage.commit(words.append("stay-1", 0, events=(words.event(tags=("a",)),)))
    with pytest.raises(WrongExpectedVersionError):
        storage.commit(Unit("", (StreamAppend("stay-1", 0, words.events(1)),), (words.condition(tags=("a",)),)))


def test_a_tombstoned_stream_takes_no_events_and_no_second_tombstone(storage, words):
    storage.commit(words.append("stay-1", 0))
    storage.commit(words.tombstone("stay-1"))
    for unit in (words.append("stay-1", 1), words.append("stay-1", events=()), words.tombstone("stay-1")):
        with pytest.raises(StreamTombstonedError):
            storage.commit(unit)
    assert storage.stream_row("", "stay-1").status == "tombstoned"


def test_an_append_at_the_right_version_is_refused_too_once_another_process_closed_the_stream(storage, another, words):
    storage.commit(words.append("stay-1", 0))
    storage.commit(words.append("stay-1", 1))
    another.commit(words.tombstone("stay-1"))
    with pytest.raises(StreamTombstonedError):
        storage.commit(words.append("stay-1", 2))


def test_an_archived_stream_takes_no_events(storage, words, raw):
    storage.commit(words.append("stay-1", 0))
    raw.execute("update everfold_stream set status = 'archived'")
    with pytest.raises(StreamArchivedError):
        storage.commit(words.append("stay-1", 1))


def test_the_head_of_a_stream_is_cut_upwards_only(storage, words):
    storage.commit(words.append("stay-1", 0, events=words.events(5)))
    storage.commit(words.truncate("stay-1", 4))
    storage.commit(words.truncate("stay-1", 2))
    assert storage.stream_row("", "stay-1").truncated_before == 4
    with pytest.raises(ConfigurationError):
        storage.commit(words.truncate("stay-1", 7))
    storage.commit(words.truncate("stay-1", 6))
    assert words.stream(storage, "stay-1").rows == []
    assert len(words.everything(storage)) == 5


@pytest.mark.parametrize("mark", [StreamMark("stay-9", tombstone=True), StreamMark("stay-9", 0, truncate_before=1)])
def test_a_mark_needs_a_stream(storage, mark):
    with pytest.raises(WrongExpectedVersionError) as refused:
        storage.commit(Unit("", marks=(mark,)))
    assert (refused.value.expected, refused.value.actual) == (STREAM_EXISTS, 0)


def test_a_mark_is_held_against_its_expectation(storage, words):
    storage.commit(words.append("stay-1", 0))
    with pytest.raises(WrongExpectedVersionError):
        storage.commit(Unit("", marks=(StreamMark("stay-1", 2, tombstone=True),)))
    storage.commit(Unit("", marks=(StreamMark("stay-1", 1, tombstone=True),)))
    assert storage.stream_row("", "stay-1").status == "tombstoned"


def test_a_snapshot_is_replaced_by_a_higher_version_or_another_schema_version(storage):
    def after(*snapshots):
        for snapshot in snapshots:
            storage.commit(Unit("", snapshots=(snapshot,)))
        return [storage.load_snapshot("", "stay-1", "stay", schema_version) for schema_version in (1, 2)]

    low, high = (Snapshot("stay-1", "stay", 1, version, b"%d" % version) for version in (5, 9))
    other = Snapshot("stay-1", "stay", 2, 3, b"new shape")
    assert after(low) == [low, None]
    assert after(high, low) == [high, None]
    assert after(other) == [None, other]


def test_recorded_at_is_the_units_or_the_clocks(path, words):
    class Noon:
        def now(self) -> datetime:
            return datetime(2026, 5, 27, 12, tzinfo=timezone.utc)

    storage = SqliteStorage(path, clock=Noon())
    storage.migrate("auto")
    storage.commit(words.append("stay-1", 0, events=words.events(2)))
    storage.commit(Unit("", (StreamAppend("stay-1", 2, words.events(1)),), recorded_at=7))
    noon = 1_779_883_200_000_000
    assert [row[6] for row in words.stream(storage, "stay-1").rows] == [noon, noon, 7]
    row = storage.stream_row("", "stay-1")
    assert (row.created_at, row.updated_at) == (noon, 7)
    storage.close()


def test_bytes_and_tags_come_back_exactly(storage, words):
    event = words.event("naïve-✓", tags=("guest:ü", 'room:"12"'))
    storage.commit(words.append("stay-1", 0, events=(event,)))
    (row,) = words.stream(storage, "stay-1").rows
    assert row[3:6] == ("naïve-✓", 1, event.id)
    assert row[7:] == (event.data, event.metadata, '["guest:ü","room:\\"12\\""]')


def test_one_unit_with_impossible_values_fails_alone(storage, words):
    unit = Unit("", (StreamAppend("stay-1", 0, words.events(1)),), recorded_at=2**70)
    with pytest.raises(OverflowError):
        storage.commit(unit)
    assert storage.stream_row("", "stay-1") is None
    assert storage.commit(words.append("stay-1", 0)).appends[0].version == 1
