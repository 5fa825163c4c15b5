"""Events without an application: a registry that takes plain JSON objects and gives them back, under any type name.

What is appended this way is stored in the same canonical form, with the same refusals, as an application's events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..codec.payload import value_codec
from ..codec.registry import Registry
from ..errors import InvalidNameError, LimitExceededError
from ..limits import TYPE_NAME_CHARACTERS_MAX
from .failure import usage

__all__ = ["PlainEvent", "UntypedRegistry", "check_type_name", "parse_object"]


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """A payload as plain data, with the type name and schema version to store it under."""

    type: str
    schema_version: int
    data: dict[str, Any]


class UntypedRegistry(Registry):
    """Every type name is known, and every payload is a PlainEvent."""

    def __init__(self) -> None:
        super().__init__(())

    def encode(self, payload: Any) -> tuple[str, int, bytes]:
        """Canonical JSON. Raises UnencodableEventError."""
        encoded = value_codec(dict[str, Any], name=payload.type).encode(payload.data)
        return payload.type, payload.schema_version, encoded

    def decode(self, type_name: str, schema_version: int, data: bytes, position: int) -> Any:  # noqa: ARG002
        """The stored data, not upcast."""
        return PlainEvent(type_name, schema_version, json.loads(data))

    def names_for(self, types: Iterable[str | type]) -> tuple[str, ...]:
        """The names as they are."""
        return tuple(str(name) for name in types)


def check_type_name(name: str) -> str:
    """Give the type name back, or raise what registering it in a module would be refused for."""
    if not name or name.startswith("$"):
        raise InvalidNameError("event type", name, "it is empty or begins with '$', which belongs to everfold itself")
    if "\0" in name or name != name.encode(errors="ignore").decode():
        raise InvalidNameError("event type", name, "it holds NUL or half of a surrogate pair")
    if len(name) > TYPE_NAME_CHARACTERS_MAX:
        raise LimitExceededError("characters of an event type", len(name), TYPE_NAME_CHARACTERS_MAX)
    return name


def parse_object(text: str, what: str) -> dict[str, Any]:
    """A JSON object, exactly: no NaN, no key twice, no number that Python would round."""
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_exact, object_pairs_hook=_without_repeats
        )
    except _NotExactError as error:
        raise usage(f"{what} can't be stored as it stands: {error}") from None
    except (ValueError, RecursionError) as error:
        raise usage(f"{what} is no JSON: {error}", """quote it for the shell: -d '{"room": 12}'""") from None
    if not isinstance(value, dict):
        raise usage(f"{what} is a JSON {_kind(value)}; an event's data is an object", """-d '{"value": …}'""")
    return value


class _NotExactError(Exception):
    """A value that would be stored as something else."""


def _refuse_constant(name: str) -> float:
    raise _NotExactError(f"{name} is no JSON number; leave it out, or write null")


def _exact(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")) or Decimal(repr(value)) != Decimal(text):
        raise _NotExactError(f"the number {text} would be rounded to {value!r}; write it as a string, as Decimals are")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _NotExactError(f"the key {key!r} stands in one object twice")
        found[key] = value
    return found


def _kind(value: object) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (list, "array"),
        (str, "string"),
        (bool, "boolean"),
        (int, "number"),
        (float, "number"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")
