"""What was written stays as it was written, whoever opens the file."""

from __future__ import annotations

import sqlite3

import pytest


@pytest.mark.parametrize(
    "statement",
    [
        "update everfold_event set data = x'00'",
        "update everfold_event set position = 99",
        "delete from everfold_event",
        "delete from everfold_event where position = 1",
        "update everfold_event_tag set tag = 'another'",
        "delete from everfold_event_tag",
        "insert or replace into everfold_event select * from everfold_event",
        "replace into everfold_event select 99, tenant, stream_id, 99, type, 9, event_id, 0, tags, metadata, data from everfold_event",
        "replace into everfold_event select 99, tenant, stream_id, version, type, 9, x'01', 0, tags, metadata, data from everfold_event",
        "update or replace everfold_event set version = version",
    ],
)
def test_an_event_and_its_tags_are_never_changed(storage, words, raw, statement):
    storage.commit(words.append("stay-1", 0, events=(words.event(tags=("room:1",)),)))
    before = words.everything(storage)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        raw.execute(statement)
    assert words.everything(storage) == before


def test_people_read_names_times_and_json_in_the_view(storage, words, raw):
    event = words.event(tags=("room:1",))
    storage.commit(words.append("stay-1", 0, events=(event,)))
    storage.commit(words.append(None))
    row = raw.execute(
        "select stream, version, event_id, json_extract(data, '$.room'), tags from everfold_events"
    ).fetchone()
    assert row == ("stay-1", 1, event.id.hex(), 12, '["room:1"]')
    assert raw.execute("select stream, version from everfold_events where position = 2").fetchone() == (None, None)
    (recorded_at,) = raw.execute("select recorded_at from everfold_events").fetchone()
    assert recorded_at.startswith("20")
    assert recorded_at.endswith("Z")
