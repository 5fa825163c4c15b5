"""`everfold read`: a stream by version, the log by position, in one line an event."""

from __future__ import annotations

import json

import pytest

from everfold import EventStore


@pytest.fixture
def filled(url, write):
    """Positions 1 to 6: stay-1 at 1, 2 and 4, shift-1 at 3, an event in no stream at 5, another tenant's at 6."""
    write("stay-1", "booked", {"room": 12}, tags=("room:12",))
    write("stay-1", "moved", {"room": 13}, tags=("room:13", "guest:7"))
    write("shift-1", "opened")
    write("stay-1", "left", tags=("guest:7",))
    write(None, "noted")
    write("stay-9", "booked", tenant="north")
    return url


def positions(outcome):
    assert outcome.code == 0
    return [int(row[0]) for row in outcome.rows]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["stay-1"], [1, 2, 4]),
        (["stay-1", "-n", "2"], [1, 2]),
        (["stay-1", "--limit", "0"], []),
        (["stay-1", "--after", "1"], [2, 4]),
        (["stay-1", "--up-to", "2"], [1, 2]),
        (["stay-1", "--after", "1", "--up-to", "2"], [2]),
        (["stay-1", "--backwards"], [4, 2, 1]),
        (["stay-1", "--backwards", "-n", "1"], [4]),
        (["--all"], [1, 2, 3, 4, 5]),
        (["--all", "--after", "3"], [4, 5]),
        (["--all", "--backwards", "-n", "2"], [5, 4]),
        (["--all", "--type", "booked", "--type", "left"], [1, 4]),
        (["--all", "--category", "shift"], [3]),
        (["--all", "--category", "shift", "--category", "stay"], [1, 2, 3, 4]),
        (["--all", "--tag", "guest:7"], [2, 4]),
        (["--all", "--tag", "guest:7", "--tag", "room:13"], [2]),
        (["--all", "--tag", "guest:7", "--type", "left"], [4]),
        (["--all", "--tenant", "north"], [6]),
    ],
)
def test_the_options_choose_the_events_and_their_order(run, filled, options, expected):
    assert positions(run("read", *options, db=filled)) == expected


def test_a_line_has_the_documented_fields_in_their_order(run, filled):
    with EventStore.open(filled) as store:
        [event] = store.read_all(limit=1)
    moment = event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    [row] = run("read", "stay-1", "-n", "1", db=filled).rows
    assert row == ["1", moment, "stay-1", "1", "booked", "1", str(event.id), '["room:12"]', '{"room":12}', "{}"]


def test_an_event_in_no_stream_leaves_its_fields_empty(run, filled):
    [row] = run("read", "--all", "--type", "noted", db=filled).rows
    assert row[2:4] == ["", ""]


def test_json_gives_one_object_a_line(run, filled):
    first = run("read", "stay-1", "--json", db=filled).objects[0]
    assert (first["position"], first["stream"], first["data"], first["tags"]) == (
        1,
        "stay-1",
        {"room": 12},
        ["room:12"],
    )


def test_a_number_of_any_size_is_shown_exactly(run, url, write):
    write("stay-1", "booked", {"big": 2**200, "small": 0.1})
    assert run("read", "stay-1", "--json", db=url).objects[0]["data"] == {"big": 2**200, "small": 0.1}


def test_a_stream_that_is_not_there_is_not_found(run, url):
    done = run("read", "stay-7", "--json", db=url)
    assert (done.code, done.error["code"]) == (4, "stream_not_found")


def test_a_stream_that_was_ended_is_not_found_and_the_log_is_named(run, filled):
    with EventStore.open(filled) as store:
        store.tombstone("stay-1")
    done = run("read", "stay-1", "--json", db=filled)
    assert (done.code, done.error["code"], "--all" in done.error["hint"]) == (4, "stream_tombstoned", True)
    assert 1 in positions(run("read", "--all", db=filled))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["stay-1", "--all"],
        ["--all", "--up-to", "3"],
        ["stay-1", "--type", "booked"],
        ["stay-1", "--category", "stay"],
        ["stay-1", "--tag", "a"],
        ["stay-1", "-n", "-1"],
        ["stay-1", "--after", "x"],
    ],
)
def test_options_that_contradict_each_other_are_refused(run, url, wrong):
    assert run("read", *wrong, db=url).code == 2


def test_an_application_shows_the_data_in_its_current_schema_version(run, url, write, shop):
    write("order-1", "order_made", {"total": "1.50"})
    [event] = run("read", "order-1", "--json", "--app", shop(), db=url).objects
    assert (event["type"], event["schema_version"], event["data_schema_version"]) == ("order_made", 1, 2)
    assert event["data"] == {"total": "1.50", "currency": "EUR"}


def test_raw_shows_the_data_as_stored(run, url, write, shop):
    write("order-1", "order_made", {"total": "1.50"})
    [event] = run("read", "order-1", "--json", "--raw", "--app", shop(), db=url).objects
    assert (event["data"], event["data_schema_version"]) == ({"total": "1.50"}, 1)


def test_a_type_of_the_application_finds_what_was_stored_under_its_aliases(run, url, write, shop):
    write("order-1", "order_made", {"total": "1.50"})
    assert positions(run("read", "--all", "--type", "order_placed", "--app", shop(), db=url)) == [1]


@pytest.mark.parametrize(
    "stored", [("unheard_of", {}), ("order_placed", {"broken": True}), ("order_placed", {"total": "x"})]
)
def test_an_event_that_does_not_decode_is_shown_as_stored_and_told(run, url, write, shop, stored):
    write("order-1", *stored)
    write("order-1", "order_placed", {"total": "1"})
    done = run("read", "order-1", "--json", "--app", shop(), db=url)
    assert (done.code, [event["data"] for event in done.objects]) == (7, [stored[1], {"total": "1", "currency": "EUR"}])
    assert "It is shown as stored." in done.err


HOSTILE = "a\x1b[2J\x9b1m\u202eb\u200bc\td\ne\u2028f\U000e0041"
SHOWN = r"a\u001b[2J\u009b1m\u202eb\u200bc\td\ne\u2028f\udb40\udc41"


def test_nothing_that_is_stored_reaches_the_terminal_as_a_command(run, url, write):
    write(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, tags=(HOSTILE,))
    done = run("read", HOSTILE, db=url)
    [row] = done.rows
    assert (row[2], row[4]) == (SHOWN, SHOWN)
    assert not {"\x1b", "\x9b", "\u202e", "\u200b", "\u2028", "\U000e0041"} & set(done.out)


def test_escaped_json_is_still_the_same_json(run, url, write):
    write(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, tags=(HOSTILE,))
    done = run("read", HOSTILE, "--json", db=url)
    [event] = done.objects
    assert (event["stream"], event["data"], event["tags"]) == (HOSTILE, {HOSTILE: HOSTILE}, [HOSTILE])
    assert "\x9b" not in done.out
    assert "\u202e" not in done.out
    [row] = run("read", HOSTILE, db=url).rows
    assert json.loads(row[8]) == {HOSTILE: HOSTILE}


def test_a_hostile_name_that_is_not_found_is_told_safely(run, url):
    assert not {"\x1b", "\x9b", "\u202e"} & set(run("read", HOSTILE, db=url).err)


def test_a_long_log_is_written_as_it_is_read(program, url):
    with EventStore.open(url) as store:
        from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

        events = tuple(EncodedEvent(n.to_bytes(16, "big"), "noted", 1, b"{}") for n in range(2500))
        store.storage.commit(Unit("", (StreamAppend("long-1", 0, events),)))
    assert [int(row[0]) for row in program("read", "--all", db=url).rows] == list(range(1, 2501))


def test_a_reader_that_has_seen_enough_is_no_error(start, url, write):
    for number in range(30):
        write("long-1", "noted", {"text": "x" * 50_000, "number": number})
    process = start("read", "--all", db=url)
    assert process.stdout.readline().startswith("1\t")
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == ("", 0)
