"""`everfold append`: what is stored, what is refused, and which exit code says so."""

from __future__ import annotations

import uuid

import pytest

from everfold import EventStore


def stored(url, stream="stay-1", tenant=""):
    with EventStore.open(url, tenant=tenant) as store:
        return list(store.read_stream(stream))


def test_an_event_is_stored_and_told_in_one_line(run, url):
    done = run("append", "stay-1", "booked", "-d", '{"room": 12}', db=url)
    [event] = stored(url)
    assert (done.code, done.rows) == (0, [["stay-1", "1", "1", str(event.id), "false"]])
    assert (event.type, event.schema_version, event.data) == ("booked", 1, {"room": 12})


def test_an_event_without_data_has_an_empty_object(run, url):
    assert run("append", "stay-1", "booked", db=url).code == 0
    assert stored(url)[0].raw == b"{}"


def test_the_json_result_says_where_the_event_stands(run, url):
    given = str(uuid.uuid4())
    data = run("append", "stay-1", "booked", "--id", given, "--json", db=url).data
    assert data == {
        "stream": "stay-1",
        "version": 1,
        "position": 1,
        "id": given,
        "type": "booked",
        "schema_version": 1,
        "repeated": False,
    }


def test_metadata_tags_and_schema_version_are_stored(run, url):
    options = [
        "--meta",
        "actor=ann",
        "--meta",
        "note=a=b",
        "--tag",
        "room:12",
        "--tag",
        "guest:7",
        "--schema-version",
        "3",
    ]
    assert run("append", "stay-1", "booked", *options, db=url).code == 0
    [event] = stored(url)
    assert event.metadata == {"actor": "ann", "note": "a=b"}
    assert (event.tags, event.schema_version) == (("guest:7", "room:12"), 3)


def test_data_comes_from_a_file_or_from_stdin(run, url, folder):
    (folder / "booked.json").write_text('{"room": "é"}', encoding="utf-8")
    assert run("append", "stay-1", "booked", "-d", "@booked.json", db=url).code == 0
    assert run("append", "stay-1", "booked", "--data", "-", db=url, stdin='{"room": 13}').code == 0
    assert [event.data["room"] for event in stored(url)] == ["é", 13]


def test_the_same_id_again_is_stored_once(run, url):
    append = ["append", "stay-1", "booked", "--id", str(uuid.uuid4()), "--json"]
    first, second = run(*append, db=url).data, run(*append, db=url).data
    assert second == {**first, "repeated": True}
    assert len(stored(url)) == 1


@pytest.mark.parametrize(("expect", "code"), [("any", 0), ("none", 0), ("0", 0), ("exists", 3), ("1", 3)])
def test_what_is_expected_of_an_empty_stream_decides(run, url, expect, code):
    assert run("append", "stay-1", "booked", "--expect", expect, db=url).code == code
    assert len(stored(url)) == (1 if code == 0 else 0)


@pytest.mark.parametrize(("expect", "code"), [("any", 0), ("none", 3), ("0", 3), ("exists", 0), ("1", 0), ("2", 3)])
def test_what_is_expected_of_a_stream_with_one_event_decides(run, url, write, expect, code):
    write("stay-1", "booked")
    assert run("append", "stay-1", "moved", "--expect", expect, db=url).code == code


def test_a_conflict_says_where_the_stream_stands_and_what_to_run(run, url, write):
    write("stay 1", "booked")
    done = run("append", "stay 1", "moved", "--expect", "7", db=url)
    assert (done.code, done.out) == (3, "")
    assert "is at version 1, expected 7" in done.err
    assert "next: everfold read 'stay 1' --after 0" in done.err


def test_a_conflict_in_json_names_its_code(run, url):
    error = run("append", "stay-1", "booked", "--expect", "exists", "--json", db=url).error
    assert error["code"] == "wrong_expected_version"


def test_a_stream_that_was_ended_takes_nothing(run, url, write):
    write("stay-1", "booked")
    with EventStore.open(url) as store:
        store.tombstone("stay-1")
    done = run("append", "stay-1", "moved", "--json", db=url)
    assert (done.code, done.error["code"]) == (3, "stream_tombstoned")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("[1]", "is a JSON array"),
        ('"a"', "is a JSON string"),
        ("7", "is a JSON number"),
        ("7.5", "is a JSON number"),
        ("true", "is a JSON boolean"),
        ("null", "is a JSON null"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": 1e999}', "1e999 would be rounded to inf"),
        ('{"a": 0.1000000000000000000001}', "would be rounded to 0.1"),
        ('{"a": 1, "a": 2}', "the key 'a' stands in one object twice"),
        ('{"a": "\\u0000"}', "NUL"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": ' * 100_000, "is no JSON"),
        ("@no-such-file.json", "No such file"),
        ("@.", "directory"),
    ],
)
def test_data_that_would_not_be_stored_as_it_stands_is_refused(run, url, data, reason):
    done = run("append", "stay-1", "booked", "-d", data, db=url)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err
    assert stored(url) == []


def test_bytes_that_are_no_text_are_refused(run, url):
    done = run("append", "stay-1", "booked", "-d", "-", db=url, stdin=b'{"a": "\xff"}')
    assert (done.code, "is no UTF-8 text" in done.err) == (2, True)


@pytest.mark.parametrize("data", ['{"a": 1.10}', '{"a": 123456789012345678901234567890}', '{"a": 1e3}'])
def test_a_number_that_keeps_its_value_is_stored(run, url, data):
    assert run("append", "stay-1", "booked", "-d", data, db=url).code == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ["--expect", "-1"],
        ["--expect", "two"],
        ["--expect", "²"],
        ["--meta", "actor"],
        ["--meta", "=ann"],
        ["--meta", "a=1", "--meta", "a=2"],
        ["--id", "7"],
        ["--schema-version", "0"],
        ["--tag", ""],
    ],
)
def test_an_option_that_says_nothing_usable_is_refused(run, url, wrong):
    assert run("append", "stay-1", "booked", *wrong, db=url).code == 2
    assert stored(url) == []


@pytest.mark.parametrize(
    ("stream", "type"),
    [("", "booked"), ("$system", "booked"), ("s" * 256, "booked"), ("s", ""), ("s", "$t"), ("s", "t" * 101)],
)
def test_a_name_that_can_not_be_stored_is_refused(run, url, stream, type):
    done = run("append", stream, type, "--json", db=url)
    assert (done.code, done.error["code"] in ("invalid_name", "limit_exceeded")) == (2, True)


def test_an_event_that_is_too_large_is_refused(run, url, folder):
    (folder / "large.json").write_text('{"a": "' + "a" * 1_100_000 + '"}')
    done = run("append", "stay-1", "booked", "-d", "@large.json", "--json", db=url)
    assert (done.code, done.error["code"]) == (2, "limit_exceeded")


def test_each_tenant_has_its_own_streams(run, url):
    run("append", "stay-1", "booked", "--tenant", "north", db=url)
    assert len(stored(url, tenant="north")) == 1
    assert stored(url) == []


def test_a_store_in_memory_takes_an_event_and_forgets_it(run):
    assert run("append", "stay-1", "booked", db="memory://").rows[0][:3] == ["stay-1", "1", "1"]


def test_appending_never_makes_a_store(run, folder):
    done = run("append", "stay-1", "booked", "--json", db=f"sqlite:///{folder}/new.db")
    assert (done.code, done.error["code"]) == (2, "schema")
    assert "everfold migrate" in done.error["message"] or "migrate" in done.error["message"]
    assert not (folder / "new.db").exists()


def test_a_typed_event_is_stored_as_the_application_writes_it(run, url, shop):
    done = run(
        "append", "order-1", "order_placed", "-d", '{"currency": "EUR", "total": "1.50"}', "--app", shop(), db=url
    )
    [event] = stored(url, "order-1")
    assert done.code == 0
    assert (event.schema_version, event.raw) == (2, b'{"total":"1.50","currency":"EUR"}')


def test_typed_data_of_an_older_schema_version_is_upcast(run, url, shop):
    older = ["-d", '{"total": "1.50"}', "--schema-version", "1"]
    assert run("append", "order-1", "order_made", *older, "--app", shop(), db=url).code == 0
    [event] = stored(url, "order-1")
    assert (event.type, event.schema_version, event.data["currency"]) == ("order_placed", 2, "EUR")


def test_typed_data_that_does_not_fit_is_refused_with_the_field(run, url, shop):
    done = run("append", "order-1", "order_placed", "-d", '{"total": "1.50"}', "--app", shop(), db=url)
    assert (done.code, "'currency' is missing" in done.err) == (2, True)
    assert stored(url, "order-1") == []


def test_a_type_that_the_application_does_not_know_is_refused_with_the_nearest(run, url, shop):
    done = run("append", "order-1", "order_place", "--app", shop(), "--json", db=url)
    assert (done.code, done.error["code"]) == (2, "unknown_event_type")
    assert "Did you mean 'order_placed'" in done.error["message"]
