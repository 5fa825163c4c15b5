"""One canonical JSON for the four kinds of class."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal, NewType
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest

UTC = timezone.utc
EAST = timezone(timedelta(hours=2))
Room = NewType("Room", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):  # noqa: UP042  (as older applications write it)
    HELLO = "hello"


class Code(str):
    __slots__ = ()


class Count(int):
    pass


class Moment(datetime):
    """As a frozen clock's or another library's datetime is: a subclass."""


VALUES = [
    (str, 'é\n"', b'"\xc3\xa9\\n\\""'),
    (int, 2**70, b"1180591620717411303424"),
    (bool, True, b"true"),
    (float, 1.5, b"1.5"),
    (Decimal, Decimal("120.50"), b'"120.50"'),
    (datetime, datetime(2026, 5, 27, 10, 30, tzinfo=UTC), b'"2026-05-27T10:30:00Z"'),
    (date, date(2026, 5, 27), b'"2026-05-27"'),
    (time, time(10, 30), b'"10:30:00"'),
    (timedelta, timedelta(days=1, microseconds=5), b'"P1DT0.000005S"'),
    (UUID, UUID(int=1), b'"00000000-0000-0000-0000-000000000001"'),
    (bytes, b"\0hi", b'"AGhp"'),
    (Colour, Colour.RED, b'"red"'),
    (Level, Level.LOW, b"1"),
    (Word, Word.HELLO, b'"hello"'),
    (Code, Code("x-1"), b'"x-1"'),
    (Count, Count(3), b"3"),
    (Room, 12, b"12"),
    (Literal["a", "b"], "b", b'"b"'),
    (Annotated[int, msgspec.Meta(ge=0, extra_json_schema={"title": "n"})], 4, b"4"),
    (int | None, None, b"null"),
    (int | str, "x", b'"x"'),
    (Decimal | float | None, Decimal("1.0"), b'"1.0"'),
    (list[Decimal], [Decimal(1)], b'["1"]'),
    (tuple[int, str], (1, "a"), b'[1,"a"]'),
    (tuple[datetime, ...], (datetime(2026, 1, 1, tzinfo=UTC),), b'["2026-01-01T00:00:00Z"]'),
    (set[str], {"b", "a", "c"}, b'["a","b","c"]'),
    (frozenset[int], frozenset({10, 9}), b"[9,10]"),
    (set[Colour], {Colour.RED, Colour.BLUE}, b'["blue","red"]'),
    (frozenset[tuple[int, int]], frozenset({(2, 1), (1, 2)}), b"[[1,2],[2,1]]"),
    (dict[str, int], {"b": 1, "é": 2, "B": 3, "a": 4}, b'{"B":3,"a":4,"b":1,"\xc3\xa9":2}'),
    (dict[int, float], {10: 1.0, 9: 2.0}, b'{"10":1.0,"9":2.0}'),
    (dict[UUID, int], {UUID(int=1): 1}, b'{"00000000-0000-0000-0000-000000000001":1}'),
    (dict[Colour, int], {Colour.RED: 1, Colour.BLUE: 2}, b'{"blue":2,"red":1}'),
    (dict[date, int], {date(2026, 1, 2): 1, date(2026, 1, 1): 2}, b'{"2026-01-01":2,"2026-01-02":1}'),
    (Any, {"b": [1, None, 2.5], "a": {"x": True}}, b'{"a":{"x":true},"b":[1,null,2.5]}'),
]


@pytest.mark.parametrize(("annotation", "value", "stored"), VALUES, ids=lambda v: str(v) if isinstance(v, type) else "")
def test_a_value_has_one_stored_form_in_every_kind_of_class_and_comes_back(make, annotation, value, stored):
    codec = make(value=annotation)
    data = codec.made(value=value)
    assert data == b'{"value":' + stored + b"}"
    back = codec.decode(data)
    assert back.value == value
    assert type(back.value) is type(value)
    assert codec.encode(back) == data


def test_fields_stand_in_the_order_of_the_class(make):
    codec = make(zulu=int, alpha=int, mike=(int, 3))
    assert codec.made(alpha=1, zulu=2) == b'{"zulu":2,"alpha":1,"mike":3}'


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 5, 27, 12, 30, 0, 5, tzinfo=EAST),
        datetime(2026, 5, 27, 12, 30, 0, 5, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 5, 27, 10, 30, 0, 5, tzinfo=ZoneInfo("UTC")),
        datetime(2026, 5, 27, 10, 30, 30, 5, tzinfo=timezone(timedelta(seconds=30))),
        Moment(2026, 5, 27, 10, 30, 0, 5, tzinfo=UTC),
        Moment(2026, 5, 27, 12, 30, 0, 5, tzinfo=EAST),
    ],
)
def test_a_moment_is_stored_in_utc_whatever_its_zone_or_class(make, moment):
    codec = make(at=datetime, seen=Any, many=list[datetime])
    back = codec.decode(data := codec.made(at=moment, seen=moment, many=[moment]))
    assert data.count(b'"2026-05-27T10:30:00.000005Z"') == 3
    assert (back.at, back.many, back.at.utcoffset()) == (moment, [moment], timedelta(0))


def test_a_time_keeps_its_fixed_zone(make):
    codec = make(at=time)
    data = codec.made(at=time(10, 30, tzinfo=EAST))
    assert data == b'{"at":"10:30:00+02:00"}'
    assert codec.decode(data).at == time(10, 30, tzinfo=EAST)


def test_a_read_only_mapping_is_stored_as_a_dict(make):
    codec = make(rates=Any)
    assert codec.made(rates=MappingProxyType({"b": 1, "a": 2})) == b'{"rates":{"a":2,"b":1}}'


def test_a_set_of_unlike_values_has_one_order(make):
    codec = make(values=Any)
    assert codec.made(values={"b", 2, "a", 1}) == codec.made(values={1, "a", 2, "b"}) == b'{"values":["a","b",1,2]}'


def test_a_nested_object_is_stored_alike_in_every_kind_of_class(make, make_class):
    line = make_class("Line", amount=Decimal, at=datetime, tag=(str | None, None))
    codec = make(first=line, more=list[line], by_name=dict[str, line], maybe=line | None, pair=tuple[line, int])
    one = line(amount=Decimal("1.5"), at=datetime(2026, 1, 1, tzinfo=UTC))
    stored = b'{"amount":"1.5","at":"2026-01-01T00:00:00Z","tag":null}'
    data = codec.made(first=one, more=[one, one], by_name={"b": one, "a": one}, maybe=None, pair=(one, 2))
    assert data == (
        b'{"first":%b,"more":[%b,%b],"by_name":{"a":%b,"b":%b},"maybe":null,"pair":[%b,2]}' % ((stored,) * 6)
    )
    back = codec.decode(data)
    assert (back.first, back.more, back.by_name, back.pair) == (one, [one, one], {"a": one, "b": one}, (one, 2))
    assert codec.encode(back) == data


def test_the_slow_path_writes_what_the_fast_path_writes(make, make_class):
    line = make_class("Line", amount=Decimal, at=datetime, names=set[str])
    codec = make(at=datetime, lines=list[line], by_name=dict[str, line], extra=Any)

    def made(moment):
        lines = [line(amount=Decimal("1.50"), at=moment, names={"b", "a"})]
        return codec.made(at=moment, lines=lines, by_name={"z": lines[0], "a": lines[0]}, extra={"b": [1], "a": None})

    moment = datetime(2026, 5, 27, 10, 30, tzinfo=UTC)
    assert made(moment) == made(moment.astimezone(EAST))


def test_objects_of_every_kind_mix(codec, make_class):
    inner = make_class("Inner", at=datetime, amount=Decimal)
    value = inner(at=datetime(2026, 1, 1, tzinfo=EAST), amount=Decimal(1))

    outer = msgspec.defstruct("Outer", [("inner", inner), ("free", Any)])
    it = codec(outer)
    data = it.encode(outer(inner=value, free=value))
    assert data.count(b'{"at":"2025-12-31T22:00:00Z","amount":"1"}') == 2
    assert it.decode(data).inner == value


def test_a_text_that_only_looks_like_an_escaped_nul_is_stored(make):
    codec = make(text=str)
    assert codec.decode(codec.made(text="a\\u0000b")).text == "a\\u0000b"


def test_long_digits_in_a_text_are_no_long_integer(make):
    codec = make(text=str)
    assert codec.decode(codec.made(text="7" * 10_000)).text == "7" * 10_000


@pytest.mark.parametrize("number", [10**4299 - 1, 1 - 10**4299], ids=["positive", "negative"])
def test_the_longest_integers_come_back(make, number):
    codec = make(number=int)
    assert codec.decode(codec.made(number=number)).number == number
