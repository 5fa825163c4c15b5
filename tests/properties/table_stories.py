"""Random declared tables and random events, and what they mean, written anew with plain Python objects.

Each source comes as a pair: the words of the library, and a function of the event object that says what they mean. Numbers are
fractions here, so the model shares neither arithmetic nor rounding with the library.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as of
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

import everfold as ef
from everfold.projections.sources import case, date_of, envelope, field, literal, tag
from everfold.projections.table import TableProjection
from everfold.storage.columns import BigInteger, Boolean, Date, Integer, Json, Numeric, Text, Timestamp, Uuid

hotel = ef.Module("hotel")


@dataclass(frozen=True)
class Room:
    floor: int | None
    kind: str | None


@hotel.event("charge_recorded", aliases=["charge_booked"])
@dataclass(frozen=True)
class Charged:
    guest: str
    units: int
    amount: Decimal
    rate: float
    day: date
    at: datetime
    late: bool
    token: UUID
    room: Room | None = None
    note: str | None = None
    extra: int | None = None
    tip: Decimal | None = None
    until: date | None = None
    more: dict[str, Any] = of(default_factory=dict)


@hotel.event("charge_refunded")
@dataclass(frozen=True)
class Refunded:
    guest: str
    amount: Decimal | None = None
    units: int | None = None
    day: date | None = None
    late: bool | None = None


@dataclass(frozen=True)
class Happened:
    """An event with what the model may know of its envelope."""

    payload: Any
    position: int
    stream: str | None
    tags: tuple[str, ...]
    recorded_at: datetime
    actor: str | None


Meaning = Callable[[Happened], Any]
Pair = tuple[Any, Meaning]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
COLUMNS = {
    "k_text": Text,
    "k_day": Date,
    "total": Numeric(12, 2),
    "fine": Numeric(9, 4),
    "count": Integer,
    "big": BigInteger,
    "name": Text,
    "day": Date,
    "seen": Timestamp,
    "flag": Boolean,
    "token": Uuid,
    "data": Json,
}

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4) | st.sampled_from(
    ["", 'a"b', "a\\b", "a'b", "\x01\n\t", "😀é", "null", "true", "12", "\\u0041", "%s", "$1"]
)
names = st.sampled_from(["ann", "bob", "Ann", "", "é", 'q"'])
amounts = st.one_of(
    st.decimals(-(10**6), 10**6, places=2),
    st.decimals(-1000, 1000, places=5),
    st.sampled_from([Decimal(text) for text in ("0.005", "-0.005", "1.00005", "-0", "1E+3", "2.675", "-2.5e-4", "7")]),
)
rates = st.one_of(
    st.floats(-(10**6), 10**6, allow_nan=False),
    st.sampled_from([0.1 + 0.2, 2.675, 1.005, -0.0, 1e-7, -1e-9, 5e-324, 123456.0, 0.00005]),
)
units = st.integers(-(10**6), 10**6) | st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)])
days = st.dates() | st.sampled_from([date(2026, 5, 1), date(2024, 2, 29), date.min, date.max])
moments = st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.replace(fold=0)) | st.sampled_from(
    [EPOCH, datetime(2026, 5, 1, 23, 59, 59, 999_999, timezone.utc), datetime(1, 1, 1, tzinfo=timezone.utc)]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | rates,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
rooms = st.builds(Room, st.none() | units, st.none() | texts)
charges = st.builds(
    Charged,
    guest=names,
    units=units,
    amount=amounts,
    rate=rates,
    day=days | st.just(date(2026, 5, 1)),
    at=moments,
    late=st.booleans(),
    token=st.uuids(),
    room=st.none() | rooms,
    note=st.none() | texts,
    extra=st.none() | units,
    tip=st.none() | amounts,
    until=st.none() | days,
    more=st.dictionaries(texts, plain, max_size=2),
)
refunds = st.builds(
    Refunded,
    guest=names,
    amount=st.none() | amounts,
    units=st.none() | units,
    day=st.none() | st.just(date(2026, 5, 1)) | days,
    late=st.none() | st.booleans(),
)
streams = st.sampled_from(["stay-1", "stay-2", "folio-a-b", None])
tag_lists = st.lists(st.sampled_from(["room:1", "room:", "night:2026", "room:é", "vip"]), unique=True, max_size=3)
happenings = st.tuples(charges | refunds, streams, tag_lists.map(lambda tags: tuple(sorted(tags))), st.booleans())
"""(payload, stream, tags, whether it is stored under its alias)."""


def number(value: Any) -> Fraction | None:
    if value is None:
        return None
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _at(name: str) -> Meaning:
    return lambda happened: getattr(happened.payload, name)


def _in_room(name: str) -> Meaning:
    return lambda happened: None if happened.payload.room is None else getattr(happened.payload.room, name)


def _first_tag(happened: Happened) -> str | None:
    return next((one[5:] for one in happened.tags if one.startswith("room:")), None)


def _stream_id(happened: Happened) -> str | None:
    return None if happened.stream is None else happened.stream.split("-", 1)[1]


FIELDS: dict[type, dict[str, list[Pair]]] = {
    Charged: {
        "integer": [
            (field("units"), _at("units")),
            (field("extra"), _at("extra")),
            (field("room.floor"), _in_room("floor")),
        ],
        "number": [
            (field(name), lambda h, n=name: number(getattr(h.payload, n))) for name in ("amount", "rate", "tip")
        ],
        "text": [(field("guest"), _at("guest")), (field("note"), _at("note")), (field("room.kind"), _in_room("kind"))],
        "date": [(field("day"), _at("day")), (field("until"), _at("until"))],
        "timestamp": [(field("at"), _at("at"))],
        "boolean": [(field("late"), _at("late"))],
        "uuid": [(field("token"), _at("token"))],
        "json": [(field("more"), _at("more"))],
    },
    Refunded: {
        "integer": [(field("units"), _at("units"))],
        "number": [(field("amount"), lambda h: number(h.payload.amount))],
        "text": [(field("guest"), _at("guest"))],
        "date": [(field("day"), _at("day"))],
        "timestamp": [],
        "boolean": [(field("late"), _at("late"))],
        "uuid": [],
        "json": [],
    },
}
ENVELOPE: dict[str, list[Pair]] = {
    "integer": [(envelope("position"), lambda h: h.position)],
    "text": [
        (envelope("stream"), lambda h: h.stream),
        (envelope("stream_id"), _stream_id),
        (envelope("category"), lambda h: None if h.stream is None else h.stream.split("-")[0]),
        (tag("room"), _first_tag),
        (envelope("metadata:actor"), lambda h: h.actor),
    ],
    "timestamp": [(envelope("recorded_at"), lambda h: h.recorded_at)],
}
LITERALS: dict[str, st.SearchStrategy[Any]] = {
    "integer": st.integers(-5, 5),
    "number": st.decimals(-100, 100, places=3),
    "text": texts,
    "date": st.just(date(2026, 5, 1)),
    "timestamp": st.just(EPOCH + timedelta(days=20_000, microseconds=7)),
    "boolean": st.booleans(),
    "uuid": st.uuids(),
}
ORDERED = ("integer", "number", "text", "date", "timestamp")


def _strictly(function: Callable[[Any, Any], Any], one: Meaning, other: Meaning) -> Meaning:
    def meaning(happened: Happened) -> Any:
        a, b = one(happened), other(happened)
        return None if a is None or b is None else function(a, b)

    return meaning


@st.composite
def sources(draw: st.DrawFn, cls: type, kind: str, depth: int = 2) -> Pair:
    """A source of this kind for events of this class, and what it means."""
    ready = [*FIELDS[cls][kind], *ENVELOPE.get(kind, [])]
    ways = ["ready"] * 3 if ready else []
    ways += ["literal"] if kind in LITERALS else []
    if depth:
        ways += ["otherwise", "case"] if kind != "json" else []
        ways += ["arithmetic"] if kind in ("integer", "number") else []
        ways += ["date_of"] if kind == "date" else []
        ways += ["condition"] * 3 if kind == "boolean" else []
    way = draw(st.sampled_from(ways)) if ways else "none"
    if way == "ready":
        return draw(st.sampled_from(ready))
    if way == "literal":
        value = draw(LITERALS[kind])
        meant = number(value) if kind == "number" else value
        return literal(value), lambda _: meant
    if way == "none":
        return literal(None), lambda _: None
    return draw(_larger(cls, kind, way, depth - 1))


@st.composite
def _larger(draw: st.DrawFn, cls: type, kind: str, way: str, depth: int) -> Pair:
    if way == "date_of":
        source, meaning = draw(sources(cls, "timestamp", depth))
        return date_of(source), lambda h: None if meaning(h) is None else meaning(h).date()
    if way == "condition":
        return draw(conditions(cls, depth))
    one, meant_one = draw(sources(cls, kind, depth))
    other, meant_other = draw(sources(cls, kind, depth))
    if way == "otherwise":
        return one.otherwise(other), lambda h: meant_other(h) if meant_one(h) is None else meant_one(h)
    if way == "case":
        condition, meant = draw(conditions(cls, depth))
        return case(condition, one, other), lambda h: meant_one(h) if meant(h) is True else meant_other(h)
    sign = draw(st.sampled_from("+-*"))
    made = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}[sign]
    return made(one, other), _strictly(made, meant_one, meant_other)


COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@st.composite
def conditions(draw: st.DrawFn, cls: type, depth: int = 2) -> Pair:
    """True, false, or None."""
    way = draw(st.sampled_from(["compare", "compare", "is_null", "&", "|", "~"] if depth else ["compare", "is_null"]))
    if way == "compare":
        kind = draw(st.sampled_from(ORDERED))
        sign = draw(st.sampled_from(list(COMPARE)))
        one, meant_one = draw(sources(cls, kind, max(0, depth - 1)))
        other, meant_other = draw(sources(cls, kind, max(0, depth - 1)))
        return COMPARE[sign](one, other), _strictly(COMPARE[sign], meant_one, meant_other)
    if way == "is_null":
        one, meant_one = draw(sources(cls, draw(st.sampled_from([*LITERALS])), depth))
        return one.is_null(), lambda h: meant_one(h) is None
    one, meant_one = draw(conditions(cls, depth - 1))
    if way == "~":
        return ~one, lambda h: None if meant_one(h) is None else not meant_one(h)
    other, meant_other = draw(conditions(cls, depth - 1))
    decisive = way == "|"

    def meaning(happened: Happened) -> bool | None:
        found = {meant_one(happened), meant_other(happened)}
        return decisive if decisive in found else None if None in found else not decisive

    return (one | other if decisive else one & other), meaning


KINDS = {
    "numeric": ("number", "integer"),
    "integer": ("integer",),
    "biginteger": ("integer",),
    "text": ("text", "integer"),
    "date": ("date",),
    "timestamp": ("timestamp",),
    "boolean": ("boolean",),
    "uuid": ("uuid",),
    "json": ("json",),
}


@dataclass
class Meant:
    """A rule of the model."""

    cls: type
    key: dict[str, Meaning]
    assignments: list[tuple[str, str, Meaning]]
    when: Meaning | None
    delete: bool


@st.composite
def tables(draw: st.DrawFn, *, deletes: bool = True) -> tuple[TableProjection, list[Meant]]:
    """A projection of some rules, and the rules of the model."""
    key = draw(st.sampled_from([["k_text"], ["k_day"], ["k_text", "k_day"], ["k_day", "k_text"]]))
    table = TableProjection("random", columns=COLUMNS, key=key)
    ways = {column: draw(st.sampled_from(_ways(column))) for column in COLUMNS if not column.startswith("k_")}
    mixed = draw(st.booleans())
    meant = [draw(_rule(table, ways, mixed=mixed, deletes=deletes)) for _ in range(draw(st.integers(1, 3)))]
    return table, meant


def _ways(column: str) -> list[str]:
    kind = COLUMNS[column].kind
    found = ["set", "insert"]
    found += ["increment"] * 2 if kind in ("numeric", "integer", "biginteger") else []
    found += ["min", "max"] if kind in ("numeric", "integer", "biginteger", "text", "date", "timestamp") else []
    return found


@st.composite
def _rule(draw: st.DrawFn, table: TableProjection, ways: dict[str, str], *, mixed: bool, deletes: bool) -> Meant:
    cls = draw(st.sampled_from([Charged, Refunded]))
    builder = table.on(cls)
    meant = Meant(cls, {}, [], None, deletes and draw(st.integers(0, 5)) == 0)
    for column in table.key:
        source, meant.key[column] = draw(sources(cls, "text" if column == "k_text" else "date", 1))
        builder.at(**{column: source})
    if draw(st.booleans()):
        condition, meant.when = draw(conditions(cls))
        builder.when(condition)
    if meant.delete:
        builder.delete()
        return meant
    for column in draw(st.lists(st.sampled_from(list(ways)), min_size=1, max_size=4, unique=True)):
        way = ways[column]
        if mixed and draw(st.booleans()):
            way = draw(st.sampled_from(["set", "insert", way]))
        kind = draw(st.sampled_from(KINDS[COLUMNS[column].kind]))
        source, meaning = draw(sources(cls, kind))
        getattr(builder, way)(**{column: source})
        meant.assignments.append((column, way, meaning))
    return meant


def held(column: str, value: Any) -> Any:
    """The value in its column. Raises ValueError where no column takes it."""
    type_ = COLUMNS[column]
    if isinstance(value, Fraction):
        return type_.convert(_rounded(value, type_.scale))
    return type_.convert(value)


def _rounded(value: Fraction, scale: int) -> Decimal:
    shifted = abs(value) * 10**scale + Fraction(1, 2)
    whole = shifted.numerator // shifted.denominator
    return Decimal(whole if value >= 0 else -whole).scaleb(-scale)


Rows = dict[tuple[Any, ...], dict[str, Any]]


def apply(table: TableProjection, rules: list[Meant], rows: Rows, happened: Happened) -> None:
    """One event on the model's rows. Raises ValueError for a value that its column doesn't take."""
    for rule in rules:
        if type(happened.payload) is not rule.cls or (rule.when is not None and rule.when(happened) is not True):
            continue
        key = tuple(held(column, rule.key[column](happened)) for column in table.key)
        if None in key:
            continue
        values = [(column, way, held(column, meaning(happened))) for column, way, meaning in rule.assignments]
        if rule.delete:
            rows.pop(key, None)
            continue
        new = key not in rows
        if new:
            rows[key] = {column.name: column.type.convert(column.default) for column in table.shape.columns}
            rows[key].update(zip(table.key, key, strict=True))
        for column, way, value in values:
            rows[key][column] = _acted(way, rows[key][column], value, new=new)


def _acted(way: str, before: Any, value: Any, *, new: bool) -> Any:
    if way == "insert":
        return value if new else before
    if way == "increment":
        return (before or 0) + (value or 0)
    if way == "set":
        return value
    there = [one for one in ((value,) if new else (before, value)) if one is not None]
    return (min if way == "min" else max)(there, default=None)
