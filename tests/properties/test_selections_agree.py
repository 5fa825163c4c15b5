"""Random documents and random questions: every backend finds what the memory backend, the specification, finds."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import everfold as ef
from everfold.storage.memory.store import MemoryStorage
from everfold.storage.port import Storage
from everfold.storage.read_model import Condition, Selection, Shape, StoredDocument, Target

TARGET = Target("random", 1)
SHAPE = Shape("document", indexes=(("room",), ("guest", "name")))

texts = st.sampled_from(
    ["", "a", "A", "é", "e\u0301", "10", "9", "true", "null", "\U0001f6eb", "\uffff", "a\\b", "'", '"']
)
numbers = st.one_of(
    st.integers(-3, 12),
    st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**63 - 1, 0.1, 9.5, -0.5, 1e15, 10.0]),
)
scalars = st.none() | st.booleans() | numbers | texts
contents = st.fixed_dictionaries(
    {},
    optional={
        "room": scalars,
        "guest": scalars | st.fixed_dictionaries({}, optional={"name": scalars, "age": numbers}),
        "list": st.lists(scalars, max_size=2),
    },
)
stores = st.dictionaries(st.sampled_from(["", "a", "B", "b", "é", "10", "9", "'", "%"]), contents, max_size=7)
fields = st.sampled_from(["room", "guest.name", "guest.age", "guest", "key", "list.0", "gone"])
wanted = st.none() | st.booleans() | numbers | texts | st.decimals(-3, 12, places=1)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    field, operator = draw(fields), draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in"]))
    if field == "key":
        return Condition(field, operator, draw(st.lists(texts, max_size=3).map(tuple) if operator == "in" else texts))
    value = draw(st.lists(wanted, max_size=3).map(tuple) if operator == "in" else wanted)
    return Condition(field, operator, value)


questions = st.lists(conditions(), min_size=1, max_size=2).map(tuple)
orders = st.lists(st.tuples(st.sampled_from(["guest.age", "key"]), st.booleans()), max_size=2, unique_by=lambda o: o[0])


def ask(storage: Storage, tenant: str, selection: Selection) -> tuple[list[str], int]:
    """The keys found, and how many there are without the page."""
    found = storage.select(tenant, TARGET, SHAPE, selection).documents
    return list(found), storage.count(tenant, TARGET, SHAPE, selection).count


def filled(storage: Storage, tenant: str, documents: dict[str, Any]) -> None:
    stored = {key: StoredDocument(msgspec.json.encode(content)) for key, content in documents.items()}
    storage.transact(lambda transaction: transaction.create_target(TARGET, SHAPE))
    storage.transact(lambda transaction: transaction.save_documents(tenant, TARGET, stored, []))


def checked(open_store: Callable[[], ef.EventStore], examples: int) -> None:
    with open_store() as store:

        @settings(max_examples=examples * settings.default.max_examples // 100)
        @given(stores, questions, orders, st.none() | st.integers(0, 3))
        def agrees(documents: dict[str, Any], where: Any, order_by: Any, limit: int | None) -> None:
            tenant, memory = uuid4().hex, MemoryStorage()
            for storage in (memory, store.storage):
                filled(storage, tenant, documents)
            selection = Selection(where=where, order_by=tuple(order_by), limit=limit)
            assert ask(store.storage, tenant, selection) == ask(memory, tenant, selection)

        agrees()


def test_sqlite_finds_what_memory_finds(tmp_path):
    checked(lambda: ef.EventStore.open(f"sqlite:///{tmp_path / 'store.db'}"), 200)


def test_postgres_finds_what_memory_finds(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    checked(lambda: ef.EventStore.open(url, migrate="auto"), 100)


def test_memory_finds_what_a_comprehension_finds():
    """The specification itself, on the part of it that Python's own comparison says the same of."""

    @given(st.dictionaries(st.text(max_size=3), st.integers(0, 5) | st.none(), max_size=6), st.integers(0, 5))
    def agrees(rooms: dict[str, int | None], wanted: int) -> None:
        storage = MemoryStorage()
        filled(storage, "", {key: {"room": room} for key, room in rooms.items()})
        below = Selection(where=(Condition("room", "<", Decimal(wanted)),))
        assert ask(storage, "", below)[0] == sorted(k for k, r in rooms.items() if r is not None and r < wanted)
        other = Selection(where=(Condition("room", "!=", wanted),))
        assert ask(storage, "", other)[0] == sorted(k for k, r in rooms.items() if r != wanted)

    agrees()
