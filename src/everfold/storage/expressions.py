"""Expressions over an event, as data: what a declared table computes its keys, values and conditions from.

Their inputs are plain: the payload's JSON data (upcast), and the envelope. Each has a kind, known before any event is:
integer, number (a Decimal), boolean, text, date, timestamp, uuid, null (the literal None), or json (known per event only).
Logic has three values, as SQL's: an operation on None is None, except for `is_null`, `otherwise`, `case`, `and` and `or`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

__all__ = [
    "Call",
    "Envelope",
    "Expression",
    "Field",
    "Literal",
    "Operation",
    "kind_of",
    "parts_of",
    "shared_kind",
]


class Expression(msgspec.Struct, frozen=True, tag=True):
    """The root of the kinds of expression."""


class Field(Expression, frozen=True):
    """The payload's value at a dotted path; None where there is none. `kind`: what the event's class says that it is."""

    path: str
    kind: str = "json"


class Envelope(Expression, frozen=True):
    """`name`: stream, stream_id, category, version, position, type, recorded_at, or `tag:prefix`, or `metadata:key`."""

    name: str


class Literal(Expression, frozen=True):
    """A value as it stands."""

    value: Any


class Operation(Expression, frozen=True):
    """`name` applied to arguments.

    add, subtract, multiply; eq, ne, lt, le, gt, ge; and, or, not; is_null; otherwise (the second where the first is
    None); case (the second where the first is true, else the third); date_of (a timestamp's day in UTC).
    """

    name: str
    arguments: tuple[Expression, ...]


class Call(Expression, frozen=True):
    """A Python function of the payload object: nothing that a database can run."""

    function: Callable[[Any], Any]


_NUMBERS = ("integer", "number")
_ORDERED = ("integer", "number", "text", "date", "timestamp")
_LITERALS: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    Decimal: "number",
    str: "text",
    date: "date",
    datetime: "timestamp",
    UUID: "uuid",
}
_ENVELOPE = {"version": "integer", "position": "integer", "recorded_at": "timestamp"}
_CONDITIONS = ("eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "is_null")


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and everything that it is made of."""
    yield expression
    if isinstance(expression, Operation):
        for argument in expression.arguments:
            yield from parts_of(argument)


def kind_of(expression: Expression) -> str:
    """Its kind. Raises ValueError, with a sentence for people, for operands that don't go together."""
    if isinstance(expression, Field):
        return expression.kind
    if isinstance(expression, Envelope):
        return _ENVELOPE.get(expression.name, "text")
    if isinstance(expression, Literal):
        return _LITERALS[type(expression.value)]
    if isinstance(expression, Operation):
        return _operation_kind(expression.name, tuple(kind_of(argument) for argument in expression.arguments))
    return "json"


def shared_kind(one: str, other: str) -> str:
    """The kind of a value that is of one of the two. Raises ValueError when nothing is both."""
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    if "json" in (one, other):
        return "json"
    if one in _NUMBERS and other in _NUMBERS:
        return "number"
    raise ValueError(f"a {one} and a {other} don't go together")


def _operation_kind(name: str, kinds: tuple[str, ...]) -> str:
    if name in ("add", "subtract", "multiply"):
        return _arithmetic_kind(kinds)
    if name == "case":
        _require(kinds[:1], ("boolean",), "the condition of a case must be true or false")
        return shared_kind(kinds[1], kinds[2])
    if name == "otherwise":
        return shared_kind(kinds[0], kinds[1])
    if name == "date_of":
        _require(kinds, ("date", "timestamp", "text"), "date_of takes a date or a timestamp")
        return "date"
    _check_condition(name, kinds)
    return "boolean"


def _arithmetic_kind(kinds: tuple[str, ...]) -> str:
    _require(kinds, _NUMBERS, "+, - and * take numbers")
    shared = shared_kind(kinds[0], kinds[1])
    return "number" if shared == "json" else shared


def _check_condition(name: str, kinds: tuple[str, ...]) -> None:
    if name in ("and", "or", "not"):
        _require(kinds, ("boolean",), "&, | and ~ take conditions")
    elif name in ("lt", "le", "gt", "ge"):
        _require(kinds, _ORDERED, "<, <=, > and >= take numbers, texts, dates or timestamps")
    elif name not in _CONDITIONS:
        raise ValueError(f"there is no operation {name!r}")
    if name not in ("and", "or", "not", "is_null"):
        shared_kind(kinds[0], kinds[1])


def _require(kinds: tuple[str, ...], allowed: tuple[str, ...], rule: str) -> None:
    wrong = next((kind for kind in kinds if kind not in (*allowed, "json", "null")), None)
    if wrong is not None:
        raise ValueError(f"{rule}, not a {wrong}")
