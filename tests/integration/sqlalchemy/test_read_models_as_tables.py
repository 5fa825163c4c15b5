"""SQLAlchemy selects from a projection's active version, with the types that its columns were declared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from uuid import UUID

import pytest
import sqlalchemy as sa

import everfold as ef
from everfold.integrations.sqlalchemy import read_model_table

WHEN = datetime(2026, 3, 1, 12, 30, tzinfo=timezone.utc)
WHO = UUID(int=7)


@dataclass(frozen=True)
class Charged:
    guest: str
    day: date
    amount: Decimal
    at: datetime
    booking: UUID
    paid: bool
    lines: list[str]


hotel = ef.Module("hotel")
hotel.event("charged")(Charged)
bills = ef.TableProjection(
    "bills",
    columns={
        "guest": ef.Text,
        "day": ef.Date,
        "amount": ef.Numeric(10, 2),
        "at": ef.Timestamp,
        "booking": ef.Uuid,
        "paid": ef.Boolean,
        "lines": ef.Json,
    },
    key=["guest"],
)
bills.on(Charged).increment(amount="amount").set(day="day", at="at", booking="booking", paid="paid", lines="lines").at(
    guest="guest"
)
guests = ef.DocumentProjection("guests", key=lambda event: event.guest)


@guests.on(Charged)
def charged(document, event, recorded):
    return {"charges": (document or {"charges": 0})["charges"] + 1}


hotel.add(bills, guests)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    """(the store's URL, the engine on the same database, the schema)."""
    if request.param == "sqlite":
        path = tmp_path / "hotel.db"
        return f"sqlite:///{path}", sa.create_engine(f"sqlite:///{path}"), "main"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}", sa.create_engine(address.replace("postgresql:", "postgresql+psycopg:")), schema


@pytest.fixture
def filled(place):
    url, engine, schema = place
    with ef.EventStore.open(url, hotel, migrate="auto") as store:
        for guest in ("Ada", "Bob", "Ada"):
            charge = Charged(guest, date(2026, 3, 1), Decimal("12.10"), WHEN, WHO, True, ["room"])
            store.append(f"stay-{guest}", [charge], expected_version=ef.ANY)
        ef.Worker(store).run_until_caught_up()
        yield engine, schema
    engine.dispose()


def test_a_declared_table_has_its_columns_and_their_types(filled):
    engine, schema = filled
    table = read_model_table(bills, sa.MetaData(), engine, schema=schema)
    with engine.connect() as connection:
        (row,) = connection.execute(sa.select(table).where(table.c.guest == "Ada")).mappings()
    assert dict(row) == {
        "tenant": "",
        "guest": "Ada",
        "day": date(2026, 3, 1),
        "amount": Decimal("24.20"),
        "at": WHEN,
        "booking": WHO,
        "paid": True,
        "lines": ["room"],
    }


def test_conditions_compare_in_the_types_of_the_columns(filled):
    engine, schema = filled
    table = read_model_table(bills, sa.MetaData(), engine, schema=schema)
    same = (table.c.amount == Decimal("12.10")) & (table.c.at == WHEN) & (table.c.booking == WHO)
    with engine.connect() as connection:
        found = connection.execute(sa.select(table.c.guest).where(same & (table.c.day <= date(2026, 3, 1))))
        assert found.scalars().all() == ["Bob"]


def test_documents_have_a_key_and_data(filled):
    engine, schema = filled
    table = read_model_table(guests, sa.MetaData(), engine, schema=schema)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table.c.key, table.c.data).order_by(table.c.key)).all()
    assert [tuple(row) for row in rows] == [("Ada", {"charges": 2}), ("Bob", {"charges": 1})]


def test_a_handler_has_no_table_of_everfolds(place):
    _, engine, _ = place
    audit = ef.HandlerProjection("audit")
    with pytest.raises(ef.ConfigurationError, match="tables of its own"):
        read_model_table(audit, sa.MetaData(), engine)
