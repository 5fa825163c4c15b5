"""The types of a read model's columns, and the one Python value that each holds, whatever database it came from.

The invariant: `convert` gives an equal value for what was stored in an event's JSON, for what a handler gave, and for what a
backend read back, so that a table fed in Python and one fed inside the database hold equal rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec

from ..errors import ConfigurationError

__all__ = [
    "BigInteger",
    "Boolean",
    "ColumnType",
    "Date",
    "Integer",
    "Json",
    "Numeric",
    "Text",
    "Timestamp",
    "Uuid",
]

_NUMERIC_DIGITS_MAX = 15
"""SQLite holds a Numeric in a double, which gives 15 decimal digits back exactly."""


class ColumnType(msgspec.Struct, frozen=True):
    """What a column holds: `kind`, and for a Numeric its `precision` and `scale`."""

    kind: str
    precision: int = 0
    scale: int = 0

    def __call__(self) -> ColumnType:
        """`ef.Text()` is `ef.Text`."""
        return self

    def convert(self, value: Any) -> Any:
        """The value as this column holds it; None stays None. Raises ValueError, without the value in its text.

        int (Integer, BigInteger), str, Decimal of exactly `scale` places (rounded half away from zero), bool, date,
        aware datetime in UTC, UUID, plain JSON data.
        """
        if value is None:
            return None
        try:
            return _CONVERT[self.kind](self, value)
        except (ValueError, TypeError, ArithmeticError, InvalidOperation):
            raise ValueError(f"a {type(value).__name__} that is no {self}") from None

    def __str__(self) -> str:
        return f"Numeric({self.precision}, {self.scale})" if self.kind == "numeric" else self.kind.capitalize()


def Numeric(precision: int, scale: int) -> ColumnType:  # noqa: N802  # a column type, named like the others
    """A decimal number of at most `precision` digits (15 at most), `scale` of them after the point."""
    if not (1 <= precision <= _NUMERIC_DIGITS_MAX and 0 <= scale <= precision):
        raise ConfigurationError(
            f"Numeric({precision}, {scale}): precision goes from 1 to {_NUMERIC_DIGITS_MAX}, which every backend "
            "holds exactly, and scale from 0 to precision"
        )
    return ColumnType("numeric", precision, scale)


Text = ColumnType("text")
Integer = ColumnType("integer")
BigInteger = ColumnType("biginteger")
Boolean = ColumnType("boolean")
Date = ColumnType("date")
Timestamp = ColumnType("timestamp")
Uuid = ColumnType("uuid")
Json = ColumnType("json")


def _text(_: ColumnType, value: Any) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError
        return value
    if isinstance(value, (bool, bytes)):
        raise TypeError
    return str(value)


def _integer(bits: int) -> Callable[[ColumnType, Any], int]:
    def convert(_: ColumnType, value: Any) -> int:
        if isinstance(value, bool):
            raise TypeError
        number = int(value)
        if number != (value if not isinstance(value, str) else number) or not -(2 ** (bits - 1)) <= number < 2 ** (
            bits - 1
        ):
            raise ValueError
        return number

    return convert


def _numeric(column: ColumnType, value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    number = Decimal(repr(value) if isinstance(value, float) else value)
    rounded = number.quantize(Decimal(1).scaleb(-column.scale), ROUND_HALF_UP)
    if not number.is_finite() or abs(rounded) >= Decimal(10) ** (column.precision - column.scale):
        raise ValueError
    return rounded + 0  # no negative zero


def _boolean(_: ColumnType, value: Any) -> bool:
    if value in (0, 1) and not isinstance(value, str):
        return bool(value)
    raise ValueError


def _date(_: ColumnType, value: Any) -> date:
    if isinstance(value, datetime):
        return _timestamp(_, value).date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _timestamp(_: ColumnType, value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(timezone.utc)


def _uuid(_: ColumnType, value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _json(_: ColumnType, value: Any) -> Any:
    return msgspec.to_builtins(value)


_CONVERT: dict[str, Callable[[ColumnType, Any], Any]] = {
    "text": _text,
    "integer": _integer(32),
    "biginteger": _integer(64),
    "numeric": _numeric,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "uuid": _uuid,
    "json": _json,
}
