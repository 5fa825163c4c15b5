"""The types of a read model's columns in PostgreSQL: how each is declared, packed into an array, and read back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from struct import Struct
from typing import Any
from uuid import UUID

import msgspec

from ...runtime.clock import datetime_of, microseconds_of
from ..columns import ColumnType
from .packing import EPOCH_MICROSECONDS, Packed, pack_each

__all__ = ["Held", "held_as", "parameter"]

_DAY_ONE = date(2000, 1, 1).toordinal()
_int4 = Struct(">i").pack
_int8 = Struct(">q").pack
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


class Held(msgspec.Struct, frozen=True):
    """A column type here: its declaration, the type of its array's elements, how a value becomes one, and is read back."""

    declared: str
    sent: str
    """Another type than the declared one where that is cheaper to send; cast in the statement."""
    oid: int
    dump: Callable[[Any], bytes]
    load: Callable[[Any], Any] | None = None
    """None: the driver's value is right already."""

    def pack(self, values: Sequence[Any]) -> Packed:
        """An array of `sent`; None is null. Raises what a value of another type makes it raise."""
        dump = self.dump
        return pack_each(self.oid, [None if value is None else dump(value) for value in values])


def held_as(type_: ColumnType) -> Held:
    """How PostgreSQL holds it."""
    if type_.kind == "numeric":
        return msgspec.structs.replace(_NUMERIC, declared=f"numeric({type_.precision}, {type_.scale})")
    return _HELD[type_.kind]


def parameter(type_: ColumnType, value: Any) -> Any:
    """A value of this type as the parameter of a condition."""
    if value is None or type_.kind not in ("uuid", "timestamp", "json"):
        return value
    return _encode_json(value).decode() if type_.kind == "json" else Packed(_HELD[type_.kind].dump(value))


def _boolean(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def _date(value: date) -> bytes:
    return _int4(value.toordinal() - _DAY_ONE)


def _timestamp(value: datetime) -> bytes:
    return _int8(microseconds_of(value) - EPOCH_MICROSECONDS)


def _uuid(value: UUID) -> bytes:
    return value.bytes


def _decimal(value: Any) -> bytes:
    return str(value).encode()


def _loaded_timestamp(value: int) -> datetime:
    return datetime_of(value + EPOCH_MICROSECONDS)


def _loaded_uuid(value: bytes) -> UUID:
    return UUID(bytes=bytes(value))


_NUMERIC = Held("numeric", "text", 25, _decimal)
"""Sent as text: the binary form takes a Decimal apart digit by digit, in Python."""

_HELD = {
    "text": Held('text collate "C"', "text", 25, str.encode),
    "integer": Held("integer", "integer", 23, _int4),
    "biginteger": Held("bigint", "bigint", 20, _int8),
    "boolean": Held("boolean", "boolean", 16, _boolean),
    "date": Held("date", "date", 1082, _date),
    "timestamp": Held("timestamptz", "timestamptz", 1184, _timestamp, _loaded_timestamp),
    "uuid": Held("uuid", "uuid", 2950, _uuid, _loaded_uuid),
    "json": Held("json", "json", 114, _encode_json, _decode_json),
}
