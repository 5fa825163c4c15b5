"""Query plans are artefacts: each read uses the index that its statement names, and sorts nothing."""

from __future__ import annotations

import pytest

from everfold.events.query import Query
from everfold.storage.read_model import Condition, Selection, Shape, Target
from everfold.storage.sqlite.query import Range, page_text
from everfold.storage.sqlite.selection import Selecting
from everfold.storage.sqlite.statements import SQL, load_statements

COLUMNS = SQL["event_columns"]
MOVE = (
    "tenant",
    "name",
    "partition",
    "token",
    "since",
    "letters",
    "position",
    "event_id",
    "events",
    "parked",
    "renewed",
    "now",
)


@pytest.fixture
def plan(raw):
    def explain(text: str, values: object) -> str:
        return " | ".join(row[3] for row in raw.execute(f"explain query plan {text}", values))

    return explain


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_stream_is_read_by_its_versions(plan, direction):
    text = SQL["stream_page"].format(columns=COLUMNS, direction=direction)
    used = plan(text, (1, 0, 100, "", 100))
    assert "USING INDEX" in used
    assert "(stream_id=? AND version>? AND version<?)" in used
    assert "SCAN" not in used
    assert "TEMP B-TREE" not in used


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("query", [Query(), Query(types=["a"]), Query(types=["a"], categories=["stay"], tags=["t"])])
def test_a_page_of_the_log_is_read_by_positions(plan, query, backwards):
    text, values = page_text("", query | Query(types=["z"]), Range(1, 50, backwards=backwards), 100)
    used = plan(text.replace("{columns}", COLUMNS), values)
    assert used.startswith("SEARCH everfold_event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)")
    assert "SCAN" not in used
    assert "TEMP B-TREE" not in used


@pytest.mark.parametrize("backwards", [False, True])
def test_tags_are_read_by_their_index(plan, backwards):
    query = Query(tags=["a", "b"]) | Query(tags=["c"], types=["x"])
    text, values = page_text("", query, Range(1, 50, backwards=backwards), 100)
    used = plan(text.replace("{columns}", COLUMNS), values)
    assert "SEARCH everfold_event_tag USING PRIMARY KEY (tenant=? AND tag=? AND position>? AND position<?)" in used
    assert "SEARCH everfold_event USING INTEGER PRIMARY KEY (rowid=?)" in used
    assert "SCAN everfold_event" not in used
    assert "FOR ORDER BY" not in used


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("find_stream", ("", "stay-1"), "(tenant=? AND name=?)"),
        ("advance_expected", (2, 0, 1, 1, "", "stay-1"), "INTEGER PRIMARY KEY (rowid=?)"),
        ("find_event_id", ("", b"0" * 16), "(tenant=? AND event_id=?)"),
        ("has_events", ("",), "(tenant=?)"),
        ("stream_names", ("[1]", ""), "INTEGER PRIMARY KEY (rowid=?)"),
        ("stream_row", ("", "stay-1"), "(tenant=? AND name=?)"),
        ("stream_rows", ("", "", 10), "(tenant=? AND name>?)"),
        ("stream_rows_of_category", ("", "", "stay", "stay.", "stay", 10), "(tenant=? AND name>? AND name<?)"),
        ("load_snapshot", ("", "stay-1", "stay", 1), "(tenant=? AND stream=? AND name=?)"),
    ],
)
def test_a_look_up_uses_its_index(plan, name, values, index):
    used = plan(SQL[name], values)
    assert index in used
    assert "SCAN everfold_event" not in used
    assert "SCAN everfold_stream" not in used
    assert "TEMP B-TREE" not in used


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("move", dict.fromkeys(MOVE, 0), "(tenant=? AND name=? AND partition=?)"),
        ("consumers", ("", "[]"), "(tenant=? AND name=?)"),
        ("all_consumers", ("",), "(tenant=?)"),
        (
            "lease",
            dict.fromkeys(("tenant", "name", "partition", "owner", "until", "now")),
            "(tenant=? AND name=? AND partition=?)",
        ),
        ("active_build", ("", "desk"), "everfold_projection_build_active (tenant=? AND projection=?)"),
        ("builds", ("", "[]"), "(tenant=? AND projection=?)"),
        ("delete_letters", ("", "[]"), "everfold_dead_letter_consumer (tenant=? AND consumer=?)"),
        ("settle", ("done", 0, None, None, 1, ""), "INTEGER PRIMARY KEY (rowid=?)"),
    ],
)
def test_consumers_builds_and_letters_are_found_by_their_keys(plan, name, values, index):
    used = plan(SQL[name].replace("{columns}", "1"), values)
    assert index in used
    assert "SCAN everfold" not in used
    assert "TEMP B-TREE" not in used


def test_the_letters_of_a_consumer_are_read_by_their_index(plan):
    text = SQL["letters"].format(columns="*", where=" and consumer = ? and state = ?")
    used = plan(text, ("", 0, "desk@1", "parked", 10))
    assert "everfold_dead_letter_consumer (tenant=? AND consumer=? AND id>?)" in used
    assert "TEMP B-TREE" not in used


DOCUMENTS = Shape("document", indexes=(("room",), ("guest.name", "room")))


@pytest.mark.parametrize(
    ("selection", "index"),
    [
        (Selection(where=(Condition("room", "=", 12),), limit=5), "everfold_rm_desk_v1_1 (tenant=? AND <expr>=?)"),
        (Selection(where=(Condition("guest.name", "=", "ada"), Condition("room", "=", 1))), "everfold_rm_desk_v1_2"),
        (Selection(after=("k",), limit=5), "(tenant=? AND key>?)"),
        (Selection(where=(Condition("key", "=", "k"),)), "(tenant=? AND key=?)"),
        (Selection(limit=5), "(tenant=?)"),
    ],
)
def test_documents_are_found_by_an_index_in_the_order_of_their_keys(plan, storage, selection, index):
    storage.transact(lambda transaction: transaction.create_target(Target("desk", 1), DOCUMENTS))
    selecting = Selecting(DOCUMENTS, selection, "")
    condition = selecting.where() + selecting.page()
    used = plan(f"select key from everfold_rm_desk_v1 t where t.tenant = :tenant{condition}", selecting.parameters)
    assert index in used
    assert "SCAN" not in used
    assert "TEMP B-TREE" not in used


def test_the_head_is_read_from_the_end_of_the_log(plan):
    assert plan(SQL["head"], ("",)) == "SCAN everfold_event"
    assert "TEMP B-TREE" not in plan(SQL["head"], ("",))
    assert plan(SQL["last_position"], ()) == "SEARCH everfold_event"


def test_every_statement_has_a_name_of_its_own():
    assert len(load_statements()) > 20
    assert all(text and not text.startswith("--") for text in load_statements().values())
