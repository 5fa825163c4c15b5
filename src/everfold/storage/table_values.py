"""An expression as a Python function of an event, and a value as its column holds it. Pure.

This is what an expression means; SQL made of it must give the same.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Any

from ..events.envelope import RecordedEvent
from ..events.stream import category_of
from .columns import ColumnType
from .expressions import Call, Envelope, Expression, Field, Literal, Operation, kind_of
from .read_model import Column

__all__ = ["Compute", "compiled", "into_column"]

Compute = Callable[[Any, RecordedEvent], Any]
"""(the fields read, the event) → value."""

_EXACT = Context(prec=20_000, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
_ARITHMETIC: dict[str, tuple[Callable[[int, int], int], Callable[[Any, Any], Decimal]]] = {
    "add": (operator.add, _EXACT.add),
    "subtract": (operator.sub, _EXACT.subtract),
    "multiply": (operator.mul, _EXACT.multiply),
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


def compiled(expression: Expression, fields: Mapping[Field, Compute]) -> Compute:
    """The function; `fields` has one for each Field in it."""
    if isinstance(expression, Field):
        return fields[expression]
    if isinstance(expression, Literal):
        value = expression.value
        return lambda _, __: value
    if isinstance(expression, Envelope):
        return _envelope(expression.name)
    if isinstance(expression, Call):
        function = expression.function
        return lambda _, recorded: function(recorded.event)
    assert isinstance(expression, Operation)
    kinds = tuple(kind_of(argument) for argument in expression.arguments)
    return _operation(expression.name, kinds, [compiled(argument, fields) for argument in expression.arguments])


def _operation(name: str, kinds: tuple[str, ...], arguments: list[Compute]) -> Compute:
    if name in _ARITHMETIC:
        return _arithmetic(name, kinds, *arguments)
    if name in _COMPARE:
        return _comparison(_COMPARE[name], kinds, *arguments)
    return _OPERATIONS[name](*arguments)


def _arithmetic(name: str, kinds: tuple[str, ...], one: Compute, other: Compute) -> Compute:
    whole, exact = _ARITHMETIC[name]
    if kinds == ("integer", "integer"):
        return _unless_none(whole, one, other)
    if "json" in kinds:
        return _unless_none(lambda a, b: exact(_number(a), _number(b)), one, other)
    return _unless_none(exact, one, other)


def _comparison(compare: Callable[[Any, Any], bool], kinds: tuple[str, ...], one: Compute, other: Compute) -> Compute:
    if "json" in kinds:
        return _unless_none(lambda a, b: compare(*_comparable(a, b)), one, other)
    return _unless_none(compare, one, other)


def _unless_none(function: Callable[[Any, Any], Any], one: Compute, other: Compute) -> Compute:
    def compute(data: Any, recorded: RecordedEvent) -> Any:
        a, b = one(data, recorded), other(data, recorded)
        return None if a is None or b is None else function(a, b)

    return compute


def _number(value: Any) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise TypeError(f"a {type(value).__name__} is no number")
    return Decimal(repr(value)) if isinstance(value, float) else value


def _comparable(one: Any, other: Any) -> tuple[Any, Any]:
    for kind in (bool, str, datetime, date):
        if isinstance(one, kind) and isinstance(other, kind):
            return one, other
    return _number(one), _number(other)


def _and(one: Compute, other: Compute) -> Compute:
    def compute(data: Any, recorded: RecordedEvent) -> bool | None:
        a = _truth(one(data, recorded))
        if a is False:
            return False
        b = _truth(other(data, recorded))
        return False if b is False else None if a is None or b is None else True

    return compute


def _or(one: Compute, other: Compute) -> Compute:
    def compute(data: Any, recorded: RecordedEvent) -> bool | None:
        a = _truth(one(data, recorded))
        if a is True:
            return True
        b = _truth(other(data, recorded))
        return True if b is True else None if a is None or b is None else False

    return compute


def _not(one: Compute) -> Compute:
    def compute(data: Any, recorded: RecordedEvent) -> bool | None:
        value = _truth(one(data, recorded))
        return None if value is None else not value

    return compute


def _truth(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise TypeError(f"a {type(value).__name__} is neither true nor false")


def _case(condition: Compute, one: Compute, other: Compute) -> Compute:
    return lambda data, recorded: (one if _truth(condition(data, recorded)) is True else other)(data, recorded)


def _otherwise(one: Compute, other: Compute) -> Compute:
    def compute(data: Any, recorded: RecordedEvent) -> Any:
        value = one(data, recorded)
        return other(data, recorded) if value is None else value

    return compute


def _is_null(one: Compute) -> Compute:
    return lambda data, recorded: one(data, recorded) is None


def _date_of(one: Compute) -> Compute:
    def compute(data: Any, recorded: RecordedEvent) -> date | None:
        value = one(data, recorded)
        if isinstance(value, str):
            value = date.fromisoformat(value) if len(value) <= len("2026-01-01") else datetime.fromisoformat(value)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("a datetime without a time zone has no date in UTC")
            return value.astimezone(timezone.utc).date()
        if value is None or isinstance(value, date):
            return value
        raise TypeError(f"a {type(value).__name__} has no date")

    return compute


_OPERATIONS: dict[str, Callable[..., Compute]] = {
    "and": _and,
    "or": _or,
    "not": _not,
    "case": _case,
    "otherwise": _otherwise,
    "is_null": _is_null,
    "date_of": _date_of,
}


def _envelope(name: str) -> Compute:
    kind, _, rest = name.partition(":")
    if kind == "tag":
        return _tag(rest + ":")
    if kind == "metadata":
        return lambda _, recorded: _text_only(recorded.metadata.get(rest))
    if name in ("category", "stream_id"):
        part = category_of if name == "category" else _stream_id
        return lambda _, recorded: None if recorded.stream is None else part(recorded.stream)
    get = operator.attrgetter(name)
    return lambda _, recorded: get(recorded)


def _stream_id(stream: str) -> str:
    return stream.partition("-")[2] or stream


def _text_only(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _tag(start: str) -> Compute:
    cut = len(start)
    return lambda _, recorded: next((tag[cut:] for tag in recorded.tags if tag.startswith(start)), None)


def into_column(column: Column, kind: str, compute: Compute) -> Compute:
    """The value as the column holds it: `ColumnType.convert`, by a shorter way where the kind allows one."""
    convert = _converter(column.type, kind)
    name = column.name

    def held(data: Any, recorded: RecordedEvent) -> Any:
        value = compute(data, recorded)
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, ArithmeticError) as error:
            raise ValueError(f"column {name!r}: {error}") from None

    return held


def _converter(type_: ColumnType, kind: str) -> Callable[[Any], Any]:
    if type_.kind == "numeric":
        return _to_numeric(type_)
    if type_.kind in ("integer", "biginteger"):
        return _to_integer(type_)
    if type_.kind == "text":
        return _to_text(type_)
    if type_.kind in ("date", "boolean") and kind == type_.kind:
        return _same
    return type_.convert


def _same(value: Any) -> Any:
    return value


def _to_numeric(type_: ColumnType) -> Callable[[Any], Any]:
    step, end = Decimal(1).scaleb(-type_.scale), Decimal(10) ** (type_.precision - type_.scale)
    convert = type_.convert

    def to_numeric(value: Any) -> Any:
        if type(value) is not Decimal or not value.is_finite() or not -end < value < end:
            return convert(value)
        rounded = value.quantize(step, ROUND_HALF_UP)
        return rounded if rounded and -end < rounded < end else convert(value)

    return to_numeric


def _to_integer(type_: ColumnType) -> Callable[[Any], Any]:
    end = 2**31 if type_.kind == "integer" else 2**63
    convert = type_.convert
    return lambda value: value if type(value) is int and -end <= value < end else convert(value)


def _to_text(type_: ColumnType) -> Callable[[Any], Any]:
    convert = type_.convert
    return lambda value: value if type(value) is str and "\0" not in value else convert(value)
