"""The canonical form of any value, one value at a time: the definition that the compiled encoder must agree with.

This is the slow path. It runs when the compiled guard isn't sure that a value is canonical as it stands, and either
gives plain data whose encoding is the canonical bytes or says which field can't be stored, and why:

- objects keep the field order of their class, dicts are sorted by key, sets by value;
- aware datetimes become UTC; naive ones are refused, as are NaN and infinities, NUL and half surrogate pairs;
- keys are text; where a dict is declared with other keys, they become the text that decodes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec

from .models import is_pydantic_only
from .shape import kind_of, stored_fields, tag_of

__all__ = ["DEPTH_MAX", "INTEGER_DIGITS_MAX", "SORTABLE", "Refusal", "plain_bytes", "plain_of"]

Handler = Callable[[Any, int, bool], Any]

SORTABLE = frozenset({str, int, float, Decimal, UUID, date, datetime, time, timedelta, bytes})
"""Sets of these are stored in their natural order; any other set in the order of its elements' encodings."""

DEPTH_MAX = 100
"""Levels of one value. A reader may stand deep in calls of its own, and Python's limit for both is 1,000."""

INTEGER_DIGITS_MAX = 4_299
"""Digits of one integer: with its sign what CPython's default limit reads back."""

HANDLERS_MAX = 1_024
_INTEGER_END = 10**INTEGER_DIGITS_MAX
_MINUTE = timedelta(minutes=1)
_UTC = timezone.utc

plain_bytes = msgspec.json.Encoder().encode
"""Plain data → bytes, in the order in which it stands."""


class Refusal(Exception):  # noqa: N818  (never seen by a caller)
    """A value that can't be stored; `path` grows while it travels outwards."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = ""

    def inside(self, step: str) -> Refusal:
        """The same refusal, seen from one level further out."""
        self.path = f"{step}{self.path}"
        return self


def plain_of(value: Any, depth: int = 0, *, other_keys: bool = True) -> Any:
    """Plain data that encodes to the canonical bytes. Raises Refusal. `other_keys`: keys that are no text are made text."""
    return _plain(value, depth, other_keys)


def _plain(value: Any, depth: int, other_keys: bool) -> Any:
    if depth > DEPTH_MAX:
        raise Refusal(f"it is nested deeper than {DEPTH_MAX} levels, or contains itself")
    cls: Any = type(value)
    return (_HANDLERS.get(cls) or _handler_of(cls))(value, depth, other_keys)


@lru_cache(maxsize=HANDLERS_MAX)
def _handler_of(cls: type) -> Handler:
    if issubclass(cls, Enum):
        return lambda value, depth, other_keys: _plain(value.value, depth, other_keys)
    if kind_of(cls):
        return _object_handler(cls)
    base = next((base for base in _BASES if issubclass(cls, base)), None)
    if base is not None:
        return _BASES[base]
    if is_pydantic_only(cls) and not hasattr(cls, "get_secret_value"):
        return lambda value, _depth, _other_keys: _text(str(value))
    return _refuse


def _object_handler(cls: type) -> Handler:
    tag = tag_of(cls)
    fields = [(f.attribute, f.stored, attrgetter(f.attribute)) for f in stored_fields(cls)]

    def handle(value: Any, depth: int, other_keys: bool) -> Any:
        plain: dict[str, Any] = {tag[0]: tag[1]} if tag else {}
        for attribute, stored, get in fields:
            try:
                member = get(value)
                if member is not msgspec.UNSET:
                    plain[stored] = _plain(member, depth + 1, other_keys)
            except Refusal as refusal:
                raise refusal.inside(_dotted(attribute, refusal)) from None
            except AttributeError:
                raise Refusal("it was never set").inside(_dotted(attribute)) from None
        return plain

    return handle


def _dotted(attribute: str, inner: Refusal | None = None) -> str:
    return f"{attribute}." if inner and inner.path and not inner.path.startswith("[") else attribute


def _text(value: str, *_: object) -> str:
    if "\0" in value:
        raise Refusal("PostgreSQL can't store the character NUL (U+0000)")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refusal("it holds half of a surrogate pair, which is no valid Unicode") from None
    return value if type(value) is str else str.__str__(value)


def _integer(value: int, *_: object) -> int:
    if not -_INTEGER_END < value < _INTEGER_END:
        raise Refusal(f"it has more than {INTEGER_DIGITS_MAX} digits, which can't be read back")
    return value if type(value) is int else int.__int__(value)


def _float(value: float, *_: object) -> float:
    if not math.isfinite(value):
        raise Refusal("NaN and infinity have no JSON form; use None, or leave the value out")
    return value if type(value) is float else float.__float__(value)


def _decimal(value: Decimal, *_: object) -> Decimal:
    if not value.is_finite():
        raise Refusal("NaN and infinity can't be stored; use None, or leave the value out")
    return value if type(value) is Decimal else Decimal(value)


def _datetime(value: datetime, *_: object) -> datetime:
    if value.utcoffset() is None:
        raise Refusal("it is a naive datetime; give it a time zone: datetime.now(timezone.utc)")
    try:
        moment = value.astimezone(_UTC)
    except OverflowError:
        raise Refusal("it lies outside the years 1 to 9999 in UTC") from None
    # A subclass (another library's, or a frozen clock's) becomes the standard one.
    return datetime.combine(moment.date(), moment.time(), _UTC)


def _time(value: time, *_: object) -> time:
    if value.tzinfo is not None:
        ahead = value.utcoffset()
        if ahead is None or ahead % _MINUTE:
            raise Refusal("it is a time whose zone has no whole offset without a date; store a datetime")
    return value


def _list(value: Iterable[Any], depth: int, other_keys: bool) -> list[Any]:
    plain: list[Any] = []
    for index, item in enumerate(value):
        try:
            plain.append(_plain(item, depth + 1, other_keys))
        except Refusal as refusal:
            raise refusal.inside(_step(f"[{index}]", refusal)) from None
    return plain


def _step(step: str, inner: Refusal) -> str:
    return step if not inner.path or inner.path.startswith("[") else f"{step}."


def _set(value: Iterable[Any], depth: int, other_keys: bool) -> list[Any]:
    try:
        plain = [_plain(item, depth + 1, other_keys) for item in value]
    except Refusal as refusal:
        raise refusal.inside(_step("[*]", refusal)) from None
    classes = {type(item) for item in plain}
    natural = len(classes) == 1 and classes <= SORTABLE
    return sorted(plain, key=None if natural else plain_bytes)


def _mapping(value: Mapping[Any, Any], depth: int, other_keys: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        try:
            text = _key(key, plain, other_keys)
            plain[text] = _plain(item, depth + 1, other_keys)
        except Refusal as refusal:
            raise refusal.inside(_step(f"[{key!r}]", refusal)) from None
    return dict(sorted(plain.items()))


def _key(key: Any, others: Container[str], other_keys: bool) -> str:
    text = _key_text(key, other_keys)
    if text in others:
        raise Refusal("another key of the dict has the same text")
    return text


def _key_text(key: Any, other_keys: bool) -> str:
    plain = _plain(key, 0, other_keys)
    if isinstance(plain, str):
        return plain
    if not other_keys:
        raise Refusal(f"its key is no text ({type(key).__name__}) and would be read back as text")
    if isinstance(plain, bool | None | list | dict):
        raise Refusal(f"{type(key).__name__} can't be the key of a dict")
    return plain_bytes(plain).decode().strip('"')


def _same(value: Any, *_: object) -> Any:
    return value


def _refuse(value: Any, *_: object) -> Any:
    raise Refusal(f"values of type {type(value).__qualname__} have no canonical JSON form")


_BASES: dict[type, Handler] = {
    str: _text,
    bool: _same,
    int: _integer,
    float: _float,
    Decimal: _decimal,
    datetime: _datetime,
    date: lambda value, *_: date(value.year, value.month, value.day),
    time: _time,
    timedelta: lambda value, *_: timedelta(value.days, value.seconds, value.microseconds),
    UUID: lambda value, *_: UUID(int=value.int),
    bytes: lambda value, *_: bytes(value),
    bytearray: lambda value, *_: bytes(value),
    memoryview: lambda value, *_: bytes(value),
    Mapping: _mapping,
    list: _list,
    tuple: _list,
    set: _set,
    frozenset: _set,
}
_HANDLERS: dict[type, Handler] = {**_BASES, type(None): _same, dict: _mapping}
