"""Reading only what a table's rules need out of an event's bytes. Pure.

A field at the top level whose kind is known is read as that kind at once; anything else is walked to in plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec

from .expressions import Field
from .table_values import Compute

__all__ = ["Reading", "reading_of"]

_TYPES: dict[str, Any] = {
    "integer": int,
    "number": Decimal,
    "boolean": bool,
    "text": str,
    "date": date,
    "timestamp": datetime,
    "uuid": UUID,
}


class Reading(msgspec.Struct, frozen=True):
    """`decode` gives from bytes the one thing that the functions of `fields` take. Raises msgspec.MsgspecError."""

    decode: Callable[[bytes], Any]
    fields: dict[Field, Compute]


def reading_of(fields: Iterable[Field]) -> Reading:
    """How to read these fields."""
    wanted = list(dict.fromkeys(fields))
    tops: dict[str, list[Field]] = {}
    for one in wanted:
        tops.setdefault(one.path.partition(".")[0], []).append(one)
    members = {f"f{number}": top for number, top in enumerate(tops)}
    types = [(member, _type(tops[top]), None) for member, top in members.items()]
    row = msgspec.defstruct("Fields", types, rename=members, gc=False)
    getters = {one: _getter(member, one, tops[top]) for member, top in members.items() for one in tops[top]}
    return Reading(msgspec.json.Decoder(row).decode, getters)


def _type(of_top: list[Field]) -> Any:
    return _TYPES[of_top[0].kind] | None if _direct(of_top) else Any


def _direct(of_top: list[Field]) -> bool:
    return len(of_top) == 1 and "." not in of_top[0].path and of_top[0].kind in _TYPES


def _getter(member: str, field: Field, of_top: list[Field]) -> Compute:
    get = attrgetter(member)
    if _direct(of_top):
        return lambda data, _: get(data)
    steps = field.path.split(".")[1:]
    type_ = _TYPES.get(field.kind)
    return lambda data, _: _typed(_walked(get(data), steps), type_)


def _walked(value: Any, steps: list[str]) -> Any:
    for step in steps:
        value = value.get(step) if type(value) is dict else None
    return value


def _typed(value: Any, type_: Any) -> Any:
    if value is None or type_ is None:
        return value
    return msgspec.convert(Decimal(repr(value)) if type_ is Decimal and type(value) is float else value, type_)
