"""The compiled encoder writes what is plainly canonical by itself, and leaves every doubt to the slow path."""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from msgspec import inspect

from everfold.codec.guard import compile_encode

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Colour(enum.Enum):
    RED = "red"


def leave(_: object) -> bytes:
    return b"slow"


@pytest.fixture
def encode(make_class):
    """`encode(type, value)`: of a class of each kind with one field."""

    def encode(annotation, value) -> bytes:
        cls = make_class("It", it=annotation)
        build = getattr(cls, "model_construct", cls)
        return compile_encode(inspect.type_info(cls), leave)(build(it=value))

    return encode


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "é"),
        (int, 2**70),
        (float, 1),
        (Decimal, Decimal("1.5")),
        (datetime, MOMENT),
        (datetime, MOMENT.astimezone(ZoneInfo("UTC"))),
        (datetime | None, None),
        (datetime | None, MOMENT),
        (datetime | int, MOMENT),
        (datetime | int, 3),
        (float | Literal["a"] | None, "a"),
        (date, date(2026, 1, 1)),
        (time, time(1)),
        (timedelta, timedelta(1)),
        (UUID, UUID(int=1)),
        (bytes, b"\0"),
        (Colour, Colour.RED),
        (list[Decimal], [Decimal(1)]),
        (tuple[int, datetime], (1, MOMENT)),
        (set[str], {"a"}),
        (dict[str, list[datetime]], {"a": [MOMENT]}),
        (Any, {"a": [1, None, 1.5, Decimal(1), MOMENT, time(1), UUID(int=1)]}),
        (list, [[1], {"a": (2,)}]),
        (dict, {"a": 1}),
    ],
    ids=str,
)
def test_a_plain_value_takes_the_fast_path(encode, annotation, value):
    assert encode(annotation, value).startswith(b'{"it":')


def test_nested_objects_of_every_kind_take_the_fast_path(make_class):
    line = make_class("Line", amount=Decimal)
    cls = make_class("It", one=line | None, many=tuple[line, ...], named=dict[str, line], pair=tuple[line, int])
    one = line(amount=Decimal(1))
    encode = compile_encode(inspect.type_info(cls), leave)
    assert encode(cls(one=one, many=(one,), named={"a": one}, pair=(one, 1))).startswith(b'{"one":{"amount":"1"}')
    assert encode(cls(one=None, many=(), named={}, pair=(one, 1))).startswith(b'{"one":null')


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "\0"),
        (str, "\\u0000"),
        (str, "\ud800"),
        (str, object()),
        (int, 10**4299),
        (float, float("nan")),
        (list[float], [float("inf")]),
        (Decimal, Decimal("NaN")),
        (datetime, datetime(2026, 1, 1)),
        (datetime, MOMENT.astimezone(timezone(timedelta(hours=1)))),
        (datetime | int, datetime(2026, 1, 1)),
        (datetime | int, "neither"),
        (dict[int, int], {1: 1}),
        (set[Colour], {Colour.RED}),
        (Any, {1: 1}),
        (Any, {"a": {1, 2}}),
        (Any, Colour.RED),
        (Any, [datetime(2026, 1, 1)]),
    ],
    ids=lambda value: "" if isinstance(value, int) else ascii(value),
)
def test_a_value_in_doubt_is_left_to_the_slow_path(encode, annotation, value):
    assert encode(annotation, value) == b"slow"
