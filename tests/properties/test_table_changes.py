"""Random batches on a declared table against a plain model of it: the same rows on every backend, for every tenant.

The model is written anew here, a dict and a loop, so that it shares no line with the memory backend.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import everfold as ef
from everfold.storage.columns import BigInteger, Boolean, Date, Integer, Json, Numeric, Text, Timestamp, Uuid
from everfold.storage.port import Storage, Transaction
from everfold.storage.read_model import Column, Selection, Shape, TableChanges, Target, Upserts

TARGET = Target("random", 1)
SHAPE = Shape(
    "table",
    columns=(
        Column("room", Text),
        Column("day", Date),
        Column("count", Integer, 0),
        Column("big", BigInteger),
        Column("amount", Numeric(14, 2), 0),
        Column("rate", Numeric(9, 4)),
        Column("name", Text),
        Column("seen", Timestamp),
        Column("since", Date),
        Column("open", Boolean),
        Column("token", Uuid),
        Column("data", Json),
    ),
    key=("room", "day"),
)
NEW = {column.name: column.type.convert(column.default) for column in SHAPE.columns}
NUMBERS = ("count", "big", "amount", "rate")
ORDERED = (*NUMBERS, "name", "seen", "since")

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "count": st.integers(-(10**6), 10**6),
    "big": st.integers(-(2**58), 2**58),
    "amount": st.decimals(-(10**9), 10**9, places=2),
    "rate": st.decimals(-1000, 1000, places=4),
    "name": texts,
    "seen": st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(fold=0)),
    "since": st.dates(),
    "open": st.booleans(),
    "token": st.uuids(),
    "data": plain,
}
keys = st.tuples(st.sampled_from(["a", "B", "é", ""]), st.sampled_from([date(2026, 5, 1), date(1, 1, 1)]))


def actions_of(column: str) -> st.SearchStrategy[str]:
    """What may be done with a column: only numbers are added, only what has an order is compared."""
    allowed = ["set", "initial"]
    allowed += ["add"] if column in NUMBERS else []
    allowed += ["min", "max"] if column in ORDERED else []
    return st.sampled_from(allowed)


@st.composite
def upserts(draw: st.DrawFn) -> Upserts:
    columns = draw(st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=5))
    actions = [draw(actions_of(column)) for column in columns]
    rows = [
        (*key, *(draw(st.none() | VALUES[column]) for column in columns))
        for key in draw(st.lists(keys, unique=True, max_size=4))
    ]
    return Upserts(("room", "day", *columns), ("key", "key", *actions), rows)


batches = st.builds(TableChanges, st.lists(keys, unique=True, max_size=2), st.lists(upserts(), max_size=3))
steps = st.lists(st.tuples(st.sampled_from(["left", "right"]), batches, st.sampled_from("kkkrn")), max_size=8)
"""Each for a tenant, and then kept, rolled back, or undone as a nested part of a transaction that is kept."""


def applied(rows: dict[Any, dict[str, Any]], batch: TableChanges) -> None:
    """The batch, on the model."""
    for key in batch.deletes:
        rows.pop(key, None)
    for one in batch.upserts:
        for values in one.rows:
            key = values[:2]
            there = key in rows
            row = rows.setdefault(key, dict(NEW))
            for column, action, value in zip(one.columns, one.actions, values, strict=True):
                row[column] = combined(action, row[column] if there else None, value, there=there)


def combined(action: str, old: Any, value: Any, *, there: bool) -> Any:
    """One column's new value."""
    if action == "initial":
        return old if there else value
    if action == "add":
        return (0 if old is None else old) + (0 if value is None else value)
    if action in ("min", "max"):
        if old is None or value is None:
            return value if old is None else old
        return min(old, value) if action == "min" else max(old, value)
    return value


class UndoneError(Exception):
    """A transaction ends in vain."""


def run(storage: Storage, tenant: str, batch: TableChanges, fate: str) -> None:
    """The batch on the storage: kept, or rolled back, or nested and undone."""

    def change(transaction: Transaction) -> None:
        transaction.change_rows(tenant, TARGET, SHAPE, batch)
        if fate != "k":
            raise UndoneError

    def around(transaction: Transaction) -> None:
        with pytest.raises(UndoneError):
            transaction.nested(change)

    if fate == "r":
        with pytest.raises(UndoneError):
            storage.transact(change)
    else:
        storage.transact(around if fate == "n" else change)


def agrees(storage: Storage, story: list[tuple[str, TableChanges, str]]) -> None:
    """Every step on the storage and on the model: in the end both hold the same."""
    suffix = uuid4().hex
    models: dict[str, dict[Any, dict[str, Any]]] = {"left": {}, "right": {}}
    for tenant, batch, fate in story:
        run(storage, tenant + suffix, batch, fate)
        if fate == "k":
            applied(models[tenant], batch)
    for tenant, model in models.items():
        found = storage.select(tenant + suffix, TARGET, SHAPE, Selection()).rows
        expected = [typed(model[key]) for key in sorted(model)]
        assert [shown(row) for row in found] == [shown(row) for row in expected]


def typed(row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: column.type.convert(row[column.name]) for column in SHAPE.columns}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Values with their classes and decimal places, in which 1 is neither True nor 1.0."""
    return {name: (type(value).__name__, repr(value)) for name, value in row.items()}


def checked(open_store: Callable[[], ef.EventStore], examples: int) -> None:
    """As many stories as the profile wants, each with tenants of its own on one store."""
    with open_store() as store:
        store.storage.transact(lambda transaction: transaction.create_target(TARGET, SHAPE))

        @settings(max_examples=examples * settings.default.max_examples // 100)
        @given(steps)
        def story(taken: list[tuple[str, TableChanges, str]]) -> None:
            agrees(store.storage, taken)

        story()


def test_a_table_in_memory_holds_what_the_model_holds():
    checked(lambda: ef.EventStore.open("memory://"), 200)


def test_a_table_on_sqlite_holds_what_the_model_holds(tmp_path):
    checked(lambda: ef.EventStore.open(f"sqlite:///{tmp_path / 'store.db'}"), 100)


def test_a_table_on_postgres_holds_what_the_model_holds(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    checked(lambda: ef.EventStore.open(url, migrate="auto"), 60)


def test_the_model_knows_an_action_when_it_sees_one():
    """A guard for the model itself: values worked out by hand."""
    rows: dict[Any, dict[str, Any]] = {}
    key = ("a", date(2026, 5, 1))
    moment = datetime(2026, 5, 1, tzinfo=timezone.utc)
    columns, actions = ("room", "day", "amount", "seen", "name"), ("key", "key", "add", "min", "initial")
    applied(rows, TableChanges(upserts=[Upserts(columns, actions, [(*key, Decimal("0.10"), moment, "ada")])]))
    applied(rows, TableChanges(upserts=[Upserts(columns, actions, [(*key, Decimal("0.20"), None, "bob")])]))
    found = rows[key]
    assert (found["amount"], found["seen"], found["name"], found["count"]) == (Decimal("0.30"), moment, "ada", 0)
