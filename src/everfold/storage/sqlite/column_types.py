"""The types of a read model's columns in SQLite: how each is declared, bound and read back. Pure.

SQLite holds what it is given, so a check in the table's declaration keeps each column to its type and its range. Dates, times
and ids are text of fixed width, whose order is their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from ...errors import StatementError
from ..columns import ColumnType

__all__ = ["adapted", "checked", "converted", "declared", "dumped", "loads", "parameter"]

_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode

_DECLARED = {
    "text": "text",
    "integer": "integer",
    "biginteger": "integer",
    "numeric": "real",
    "boolean": "integer",
    "date": "text",
    "timestamp": "text",
    "uuid": "text",
    "json": "text",
}


def declared(type_: ColumnType) -> str:
    """The column's type in its declaration."""
    return _DECLARED[type_.kind]


def checked(type_: ColumnType, name: str) -> str | None:
    """The condition that keeps the quoted column to the type's range; null passes."""
    match type_.kind:
        case "integer":
            return f"typeof({name}) in ('integer', 'null') and {name} between -2147483648 and 2147483647"
        case "biginteger":
            return f"typeof({name}) in ('integer', 'null')"
        case "numeric":
            return f"typeof({name}) in ('real', 'null') and abs({name}) < {10 ** (type_.precision - type_.scale)}"
        case "boolean":
            return f"{name} in (0, 1)"
        case _:
            return None


def dumped(type_: ColumnType, values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as they are bound. Raises StatementError for one that is not of its type."""
    dump = _DUMP.get(type_.kind)
    if dump is None:
        return values
    try:
        return [None if value is None else dump(value) for value in values]
    except (AttributeError, TypeError, ValueError):
        return [None if value is None else dump(converted(type_, value)) for value in values]


def converted(type_: ColumnType, value: Any) -> Any:
    """The value as the column holds it. Raises StatementError for one that is not of its type."""
    try:
        return type_.convert(value)
    except ValueError as error:
        raise StatementError(str(error)) from error


def parameter(type_: ColumnType, value: Any) -> Any:
    """A value of this type as the parameter of a condition."""
    return dumped(type_, (value,))[0]


def loads(types: Sequence[ColumnType]) -> list[tuple[int, Callable[[Any], Any]]]:
    """For the columns whose values are not right as the driver gives them: their place, and what makes them so."""
    return [(place, _load(type_)) for place, type_ in enumerate(types) if type_.kind in _LOAD]


def adapted(value: Any) -> Any:
    """A parameter of the application's own SQL, of any type that a column may have."""
    adapt = _ADAPT.get(type(value))
    if adapt is None:
        return value
    return adapt(value)


def _load(type_: ColumnType) -> Callable[[Any], Any]:
    load = _LOAD[type_.kind]
    return type_.convert if load is None else load


def _timestamp(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time without its zone")
    return value.astimezone(timezone.utc).isoformat(timespec="microseconds")[:26] + "Z"


def _date(value: date) -> str:
    if isinstance(value, datetime):
        raise TypeError
    return value.isoformat()


def _uuid(value: UUID) -> str:
    if not isinstance(value, UUID):
        raise TypeError
    return str(value)


def _number(value: Any) -> float:
    if isinstance(value, (bool, str)):
        raise TypeError
    return float(value)


def _json(value: Any) -> str:
    return _encode_json(value).decode()


def _int(value: int) -> int | float:
    """Beyond 64 bits SQLite knows only doubles."""
    return value if _INT_MIN <= value <= _INT_MAX else float(value)


_DUMP: dict[str, Callable[[Any], Any]] = {
    "numeric": _number,
    "date": _date,
    "timestamp": _timestamp,
    "uuid": _uuid,
    "json": _json,
}
_LOAD: dict[str, Callable[[Any], Any] | None] = {
    "numeric": None,
    "boolean": bool,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "uuid": UUID,
    "json": _decode_json,
}
"""None: the type's own conversion."""
_ADAPT: dict[type, Callable[[Any], Any]] = {
    Decimal: float,
    datetime: _timestamp,
    date: date.isoformat,
    UUID: str,
    int: _int,
}
