"""`everfold streams` and `everfold types`: what is there."""

from __future__ import annotations

import pytest

from everfold import EventStore


def names(outcome):
    assert outcome.code == 0
    return [row[0] for row in outcome.rows]


@pytest.fixture
def filled(url, write):
    for stream in ("stay-2", "stay-1", "shift-1", "stay-3", "stay-1"):
        write(stream, "booked")
    write("other-1", "booked", tenant="north")
    return url


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["shift-1", "stay-1", "stay-2", "stay-3"]),
        (["--category", "stay"], ["stay-1", "stay-2", "stay-3"]),
        (["--category", "sta"], []),
        (["--after", "stay-1"], ["stay-2", "stay-3"]),
        (["-n", "2"], ["shift-1", "stay-1"]),
        (["--limit", "0"], []),
        (["--category", "stay", "--after", "stay-1", "-n", "1"], ["stay-2"]),
        (["--tenant", "north"], ["other-1"]),
    ],
)
def test_streams_are_listed_by_name(run, filled, options, expected):
    assert names(run("streams", *options, db=filled)) == expected


def test_a_stream_shows_its_version_and_status(run, filled):
    with EventStore.open(filled) as store:
        store.tombstone("stay-2")
        store.truncate("stay-1", before_version=2)
    rows = {row[0]: row for row in run("streams", db=filled).rows}
    assert (rows["stay-1"][1], rows["stay-1"][2], rows["stay-1"][5]) == ("2", "open", "2")
    assert rows["stay-2"][2] == "tombstoned"


def test_what_is_left_out_is_told_on_stderr_and_as_next(run, filled):
    assert "--after 'stay-1'" in run("streams", "-n", "2", db=filled).err
    assert run("streams", "-n", "2", "--json", db=filled).data["next"] == "stay-1"
    assert run("streams", "-n", "4", "--json", db=filled).data["next"] is None


def test_quiet_leaves_the_remark_out(run, filled):
    assert run("streams", "-n", "2", "-q", db=filled).err == ""


def test_more_streams_than_one_page_are_all_listed(run, url):
    from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

    appends = [
        StreamAppend(f"stay-{n:05}", 0, (EncodedEvent(n.to_bytes(16, "big"), "booked", 1, b"{}"),)) for n in range(1203)
    ]
    with EventStore.open(url) as store:
        store.storage.commit(Unit("", tuple(appends)))
    assert len(run("streams", db=url).rows) == 1000
    assert names(run("streams", "-n", "5000", db=url)) == [append.stream for append in appends]


def test_types_are_counted_by_schema_version(run, url, write):
    for schema_version in (1, 2, 2):
        write("stay-1", "booked", schema_version=schema_version)
    write("stay-1", "left", tenant="north")
    assert run("types", db=url).rows == [["booked", "1", "1", *[""] * 4], ["booked", "2", "2", *[""] * 4]]
    assert names(run("types", "--tenant", "north", db=url)) == ["left"]


def test_an_application_gives_each_type_a_state(run, url, write, shop):
    write("order-1", "order_placed", {"total": "1"}, schema_version=1)
    write("order-1", "order_placed", {"total": "1", "currency": "EUR"}, schema_version=2)
    write("order-1", "order_made", {"total": "1", "currency": "EUR"}, schema_version=2)
    write("order-1", "order_placed", schema_version=3)
    write("order-1", "unheard_of")
    rows = run("types", "--app", shop(name="everything"), db=url).rows
    assert {(row[0], row[1]): row[3] for row in rows} == {
        ("order_placed", "1"): "older",
        ("order_placed", "2"): "current",
        ("order_made", "2"): "renamed",
        ("order_placed", "3"): "newer",
        ("unheard_of", "1"): "orphan",
        ("goods_received", "1"): "unused",
    }
    assert ["order_made", "2", "1", "renamed", "shop", "order_placed", "2"] in rows


def test_orphans_alone_are_what_it_looks_for(run, url, write, shop):
    write("order-1", "order_placed", {"total": "1"})
    app = shop()
    assert run("types", "--orphans", "--app", app, db=url).rows == []
    write("order-1", "order_placed", schema_version=3)
    write("order-1", "unheard_of")
    done = run("types", "--orphans", "--json", "--app", app, db=url)
    assert (done.code, done.objects[0]["status"]) == (1, "fail")
    assert [(view["type"], view["state"]) for view in done.data["types"]] == [
        ("order_placed", "newer"),
        ("unheard_of", "orphan"),
    ]


def test_orphans_need_an_application_to_compare_with(run, url):
    assert run("types", "--orphans", db=url).code == 2


@pytest.mark.parametrize("command", ["streams", "types"])
def test_json_of_an_empty_store_is_an_empty_list(run, url, command):
    assert run(command, "--json", db=url).data[command] == []
