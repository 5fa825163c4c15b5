"""Random events and random declared tables, and the one meaning of both: a plain fold, event by event, in dicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from everfold.codec.registry import Registry
from everfold.module import Module
from everfold.projections.sources import Source, case, date_of, envelope, field, literal, tag
from everfold.projections.table import TableProjection
from everfold.storage.columns import (
    BigInteger,
    Boolean,
    ColumnType,
    Date,
    Integer,
    Json,
    Numeric,
    Text,
    Timestamp,
    Uuid,
)
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

__all__ = ["COLUMNS", "REGISTRY", "Happened", "events", "spans", "tables", "unit_of"]

flights = Module("flights")


@dataclass(frozen=True)
class Carrier:
    code: str | None = None
    fleet: int | None = None


@flights.event("leg_flown")
@dataclass(frozen=True)
class LegFlown:
    day: date | None = None
    delay: int | None = None
    fare: Decimal | None = None
    rate: float | None = None
    late: bool | None = None
    note: str | None = None
    at: datetime | None = None
    ticket: UUID | None = None
    carrier: Carrier | None = None
    extra: Any = None


@flights.event("leg_cancelled", aliases=["leg_dropped"])
@dataclass(frozen=True)
class LegCancelled:
    day: date | None = None
    delay: int | None = None
    fare: Decimal | None = None
    note: str | None = None


REGISTRY = Registry.of([flights])

COLUMNS: dict[str, ColumnType] = {
    "day": Date,
    "name": Text,
    "total": Numeric(9, 2),
    "count": Integer,
    "big": BigInteger,
    "least": Numeric(6, 1),
    "most": Timestamp,
    "flag": Boolean,
    "ticket": Uuid,
    "data": Json,
    "first": Text,
}

_text = st.text(st.sampled_from("ab'\"\\-é😀\n1"), max_size=4)
_days = st.dates(date(1999, 12, 30), date(2000, 1, 2))
_fares = (
    st.decimals(Decimal("-99.99"), Decimal("99.99"), places=2)
    | st.decimals(-9, 9, places=5)
    | st.integers(-5, 5).map(Decimal)
)
_moments = st.datetimes(
    datetime(1999, 12, 31, 23, 59, 58), datetime(2000, 1, 1, 0, 0, 2), timezones=st.just(timezone.utc)
)


def _maybe(some: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | some


_flown = st.builds(
    LegFlown,
    day=_maybe(_days),
    delay=_maybe(st.integers(-20, 40) | st.sampled_from([2**31, -(2**40), 2**62])),
    fare=_maybe(_fares),
    rate=_maybe(st.sampled_from([0.5, 1.25, -2.5, 0.1, 3.0, 0.005, 1e-7, 1e16])),
    late=_maybe(st.booleans()),
    note=_maybe(_text),
    at=_maybe(_moments),
    ticket=_maybe(st.sampled_from([UUID(int=1), UUID(int=2**127 + 5)])),
    carrier=_maybe(st.builds(Carrier, _maybe(_text), _maybe(st.integers(0, 9)))),
    extra=_maybe(st.sampled_from([1, "x", [1, None], {"b": 1, "a": [True]}])),
)
_cancelled = st.builds(
    LegCancelled, day=_maybe(_days), delay=_maybe(st.integers(-20, 40)), fare=_maybe(_fares), note=_maybe(_text)
)


@dataclass(frozen=True)
class Happened:
    """An event to store."""

    payload: Any
    stream: str | None
    tags: tuple[str, ...]
    metadata: bytes
    alias: bool


events = st.lists(
    st.builds(
        Happened,
        _flown | _cancelled,
        st.sampled_from([None, "leg-1", "leg-2-b", "leg", "other-", "other-1"]),
        st.sets(st.sampled_from(["tail:D-A", "tail:D-B", "tail", "tails:x", "é:ü"]), max_size=3).map(sorted).map(tuple),
        st.sampled_from([b"{}", b'{"actor":"anna"}', b'{"actor":7}']),
        st.booleans(),
    ),
    max_size=25,
)


def unit_of(happened: Happened, number: int, tenant: str = "") -> Unit:
    """The unit that stores it alone."""
    name, version, data = REGISTRY.encode(happened.payload)
    if happened.alias and name == "leg_cancelled":
        name = "leg_dropped"
    event = EncodedEvent(number.to_bytes(16, "big"), name, version, data, happened.metadata, happened.tags)
    at = 946_684_799_999_998 + number
    return Unit(tenant, (StreamAppend(happened.stream, -1, (event,)),), recorded_at=at)


_integers = st.sampled_from(["delay", "delay", 3, -1, envelope("version"), field("delay") + 2, field("delay") * -3])
_numbers = st.sampled_from(
    ["fare", "fare", "rate", Decimal("0.125"), "delay", 7, field("fare") * 2, field("rate") + field("delay")]
)
_texts = st.sampled_from(["note", "note", literal("é'\\"), tag("tail"), envelope("metadata:actor")]) | st.sampled_from(
    [envelope("stream"), envelope("stream_id"), envelope("category"), envelope("type"), "carrier.code"]
)
_dates = st.sampled_from(["day", date_of("at"), date_of(envelope("recorded_at")), literal(date(2000, 1, 1))])
_times = st.sampled_from(["at", envelope("recorded_at"), literal(datetime(2000, 1, 1, tzinfo=timezone.utc))])


def _conditions(both: bool) -> st.SearchStrategy[Source]:
    known = [
        field("delay") > 15,
        field("fare") <= Decimal("0.5"),
        field("note") < "b",
        field("day") >= "2000-01-01",
        field("fare") == field("delay"),
        tag("tail") == "D-A",
        field("delay").otherwise(3) != 3,
        envelope("position") > 3,
        envelope("recorded_at") > "1999-12-31T23:59:59.999999+00:00",
    ]
    if not both:
        known += [
            field("late").otherwise(True),
            ~field("late"),
            field("at") < "2000-01-01T00:00:00Z",
            field("extra").is_null(),
        ]
        known += [field("ticket") == UUID(int=1), field("rate") >= Decimal("0.5"), field("carrier.fleet") > 4]
    simple = st.sampled_from(known) | st.sampled_from(known).map(lambda one: one.is_null())
    return st.recursive(
        simple,
        lambda inner: (
            st.builds(lambda a, b: a & b, inner, inner)
            | st.builds(lambda a, b: a | b, inner, inner)
            | inner.map(lambda one: ~one)
        ),
        max_leaves=3,
    )


def _sources(kind: str, both: bool) -> st.SearchStrategy[Any]:
    choice = {
        "numeric": _numbers,
        "integer": _integers,
        "biginteger": _integers,
        "text": _texts,
        "date": _dates,
        "timestamp": _times,
        "boolean": st.sampled_from(["late", True, None]),
        "uuid": st.sampled_from(["ticket", literal(UUID(int=9))]),
        "json": st.sampled_from(["extra", "carrier", "note", "fare", "rate"]),
    }[kind]
    if kind in ("boolean", "uuid", "json"):
        return st.none() if both else choice
    plain = choice.filter(_of_both) if both else choice
    made = st.builds(case, _conditions(both), plain, st.none() | plain)
    return plain | made


def _of_both(source: Any) -> bool:
    text = source if isinstance(source, str) else repr(source)
    return not any(
        name == text or f"path='{name}'" in text for name in ("at", "rate", "late", "ticket", "carrier.code")
    )


_ACTIONS: dict[str, Sequence[str]] = {
    "total": ("increment", "increment", "set"),
    "count": ("increment", "increment", "set"),
    "big": ("max", "set"),
    "least": ("min",),
    "most": ("max", "set"),
    "flag": ("set",),
    "ticket": ("set", "insert"),
    "data": ("set",),
    "first": ("insert", "set", "max"),
}


@st.composite
def tables(draw: st.DrawFn) -> TableProjection:
    """A table with one to three rules; most of them can be said in SQL."""
    key = draw(st.sampled_from([("day",), ("name",), ("day", "name")]))
    used = draw(st.lists(st.sampled_from(sorted(_ACTIONS)), min_size=1, max_size=4, unique=True))
    options = draw(
        st.sampled_from(
            [
                {},
                {},
                {"categories": ["leg"]},
                {"tags": ["tail:D-A"]},
                {"categories": ["other", "leg"], "tags": ["tail"]},
            ]
        )
    )
    table = TableProjection("legs", columns={name: COLUMNS[name] for name in (*key, *used)}, key=key, **options)
    usual = {name: draw(st.sampled_from(_ACTIONS[name])) for name in used}
    for _ in range(draw(st.integers(1, 3))):
        _add_rule(draw, table, usual)
    return table


def _add_rule(draw: st.DrawFn, table: TableProjection, usual: dict[str, str]) -> None:
    types = draw(st.sampled_from([(LegFlown,), (LegFlown,), (LegCancelled,), (LegFlown, LegCancelled)]))
    both = LegCancelled in types
    rule = table.on(*types).at(**{name: draw(_sources(COLUMNS[name].kind, both)) for name in table.key})
    if draw(st.integers(0, 2)) == 0:
        rule.when(draw(_conditions(both)))
    if draw(st.integers(0, 9)) == 0:
        rule.delete()
        return
    for name in draw(st.lists(st.sampled_from(sorted(usual)), min_size=1, unique=True)):
        action = usual[name]
        if action in ("set", "insert") and draw(st.integers(0, 5)) == 0:
            action = draw(st.sampled_from(_ACTIONS[name]))
        getattr(rule, action)(**{name: draw(_sources(COLUMNS[name].kind, both))})


def spans(positions: Iterable[int], cuts: Sequence[int]) -> list[tuple[int, int]]:
    """The log up to its end, cut after some of its positions."""
    ends = sorted({p for n, p in enumerate(positions) if n in cuts} | {max(positions, default=0)})
    return list(zip([0, *ends[:-1]], ends, strict=True))
