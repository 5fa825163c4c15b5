"""Plans of a consumer's statements and of readers of read models: by an index, on tables of 5,000 rows."""

from __future__ import annotations

import json

import pytest

from everfold.storage.columns import BigInteger, Text
from everfold.storage.control import BuildRow, ConsumerRow, Letter
from everfold.storage.postgres.packing import pack_int4, pack_texts
from everfold.storage.postgres.selection import Selecting
from everfold.storage.postgres.statements import statements
from everfold.storage.postgres.store import PostgresStorage
from everfold.storage.read_model import (
    Column,
    Condition,
    Selection,
    Shape,
    StoredDocument,
    TableChanges,
    Target,
    Upserts,
)

SCHEMA = "everfold_read_model_plans"
GUESTS = Target("guests", 1)
NIGHTS = Target("nights", 1)
DOCUMENT = Shape("document", indexes=(("city",), ("address.street",)))
TABLE = Shape("table", (Column("hotel", Text), Column("nights", BigInteger, 0)), ("hotel",), (("nights",),))
COUNT = 5_000


@pytest.fixture(scope="module")
def filled(postgres_url):
    """Two targets, consumers and letters, with statistics."""
    storage = PostgresStorage(postgres_url, schema=SCHEMA)
    storage.migrate("auto")

    def fill(tx) -> None:
        tx.create_target(GUESTS, DOCUMENT)
        tx.create_target(NIGHTS, TABLE)
        tx.save_build("", BuildRow(GUESTS, "active", "catch_up", "consumer", "x", b"{}"))
        tx.save_consumers("", [ConsumerRow(f"c{n}@1") for n in range(500)])
        documents = {
            f"guest-{n}": StoredDocument(f'{{"city":"c{n}","address":{{"street":"s{n}"}}}}'.encode())
            for n in range(COUNT)
        }
        tx.save_documents("", GUESTS, documents, [])
        rows = [(f"hotel-{n}", n) for n in range(COUNT)]
        tx.change_rows("", NIGHTS, TABLE, TableChanges((), [Upserts(("hotel", "nights"), ("key", "set"), rows)]))
        tx.park("", [Letter(f"c{n % 50}@1", 0, f"l{n}", n, bytes(16), "t", None, b"{}") for n in range(COUNT)])

    storage.transact(fill)
    session = storage._pool.acquire()
    session.run(f"analyze {SCHEMA}.consumer; analyze {SCHEMA}.dead_letter")
    session.run(f"analyze {SCHEMA}.rm_guests_v1; analyze {SCHEMA}.rm_nights_v1")
    yield session
    session.run(f"drop schema {SCHEMA} cascade")
    storage._pool.release(session)
    storage.close()


def nodes(plan: dict) -> list[dict]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def explained(session, statement: bytes, *parameters) -> list[dict]:
    text = session.value(b"explain (format json) " + statement, *parameters)
    return nodes((text if isinstance(text, list) else json.loads(text))[0]["Plan"])


def scanned(plan: list[dict]) -> set[str]:
    return {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}


MOVE = ("", "c7@1", 0, 0, 0, 10, None, 10, 0, 0, None, 0)
CONTROL = {
    "move": MOVE,
    "consumers_locked": ("", pack_texts(["c7@1"])),
    "lease": ("", "me", pack_texts(["c7@1"]), pack_int4([0]), 1_000_000, None),
    "parked_letters": ("", "c7@1", None, 100),
    "letter_rows": ("", None, None, 4_000, 10),
}


@pytest.mark.parametrize("name", CONTROL)
def test_a_consumers_statement_runs_by_its_index(filled, name):
    assert not scanned(explained(filled, statements(SCHEMA)[name], *CONTROL[name]))


SELECTIONS = {
    "documents by key": (GUESTS, DOCUMENT, Selection((Condition("key", "=", "guest-7"),))),
    "documents by an indexed path": (GUESTS, DOCUMENT, Selection((Condition("city", "=", "c7"),))),
    "documents by a deeper path": (GUESTS, DOCUMENT, Selection((Condition("address.street", "in", ("s7", "s8")),))),
    "a page of documents": (GUESTS, DOCUMENT, Selection(after=("guest-7",), limit=20)),
    "rows by key": (NIGHTS, TABLE, Selection((Condition("hotel", "=", "hotel-7"),))),
    "rows by an indexed column": (NIGHTS, TABLE, Selection((Condition("nights", "=", 7),))),
    "a range of rows": (NIGHTS, TABLE, Selection((Condition("nights", ">", COUNT - 10),))),
    "a page of rows": (NIGHTS, TABLE, Selection(after=("hotel-7",), limit=20)),
}


@pytest.mark.parametrize("name", SELECTIONS)
def test_a_selection_runs_by_an_index(filled, name):
    target, shape, selection = SELECTIONS[name]
    selecting = Selecting(shape, selection, ("",))
    text = f'select * from "{SCHEMA}"."rm_{target.table}" t where t.tenant = $1{selecting.where()}{selecting.page()}'
    assert not scanned(explained(filled, text.encode(), *selecting.parameters))
