"""The event types of one store: the only way from an object to stored bytes and from stored bytes to an object.

Invariant: every reader decodes through `Registry.decode`, so an upcaster can't be missed on one path and run on
another. A registry never changes after `of`, and is safe between threads.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ..errors import ConfigurationError, UndecodableEventError, UnknownEventTypeError
from .declaration import DeclaringModule
from .reasons import reason_of
from .registration import EventType, register
from .upcasting import upcast

__all__ = ["EventType", "Registry"]

NEAR_MATCHES = 3
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_decode_plain = msgspec.json.Decoder().decode


class Registry:
    """Encodes payloads and decodes stored events. Made by `Registry.of`."""

    __slots__ = ("_by_class", "_by_name", "_types", "_writers")

    def __init__(self, types: Iterable[EventType]) -> None:
        self._types = tuple(types)
        self._by_class = {t.cls: t for t in self._types}
        self._by_name = {name: t for t in self._types for name in t.names}
        self._writers = {t.cls: (t.codec.encode, t.name, t.version) for t in self._types}

    @classmethod
    def of(cls, modules: Iterable[DeclaringModule]) -> Registry:
        """The registry of these modules. Raises one ConfigurationError that lists everything that contradicts."""
        types, problems = register(modules)
        if problems:
            listed = "".join(f"\n- {problem}" for problem in problems)
            raise ConfigurationError(f"the modules of this store have {len(problems)} problem(s):{listed}")
        return cls(types)

    def encode(self, payload: object) -> tuple[str, int, bytes]:
        """(type name, schema version, canonical JSON bytes).

        Raises UnknownEventTypeError for a class that no module registered, and UnencodableEventError, naming the
        field, for a value without a canonical form.
        """
        writer = self._writers.get(type(payload))
        if writer is None:
            raise self._unregistered(type(payload))
        encode, name, version = writer
        return name, version, encode(payload)

    def decode(self, type_name: str, schema_version: int, data: bytes, position: int) -> Any:
        """The event object, upcast to the current schema version.

        Raises UnknownEventTypeError, UpcastError or UndecodableEventError, each with the position.
        """
        event_type = self._by_name.get(type_name)
        if event_type is None:
            raise UnknownEventTypeError(type_name, _near(type_name, self._by_name), position)
        try:
            if schema_version == event_type.version:
                return event_type.codec.decode(data)
        except Exception as error:
            raise UndecodableEventError(type_name, schema_version, reason_of(error), position) from error
        return _decode_older(event_type, type_name, schema_version, data, position)

    def plain(self, type_name: str, schema_version: int, data: bytes, position: int) -> dict[str, Any]:
        """The payload as plain data, upcast to the current schema version. Raises what `decode` raises."""
        event_type = self._by_name.get(type_name)
        if event_type is None:
            raise UnknownEventTypeError(type_name, _near(type_name, self._by_name), position)
        if schema_version == event_type.version:
            return _plain_object(type_name, schema_version, data, position)
        return _plain_current(event_type, type_name, schema_version, data, position)

    def names_for(self, types: Iterable[str | type]) -> tuple[str, ...]:
        """Every stored name of these types, aliases included; a name that is not registered stays as it is.

        Raises UnknownEventTypeError for a class that is not registered.
        """
        return tuple(dict.fromkeys(name for wanted in types for name in self._names(wanted)))

    def type_name(self, payload: object) -> str:
        """The name that events of this class, or of this object's class, are stored by. Raises UnknownEventTypeError."""
        cls = payload if isinstance(payload, type) else type(payload)
        event_type = self._by_class.get(cls)
        if event_type is None:
            raise self._unregistered(cls)
        return event_type.name

    def types(self) -> tuple[EventType, ...]:
        """The event types, in the order of modules and of their declarations."""
        return self._types

    def _names(self, wanted: str | type) -> tuple[str, ...]:
        event_type = self._by_name.get(wanted if isinstance(wanted, str) else self.type_name(wanted))
        return (str(wanted),) if event_type is None else event_type.names

    def _unregistered(self, cls: type) -> UnknownEventTypeError:
        known = {t.cls.__name__: t.name for t in self._types} | {name: name for name in self._by_name}
        words = (cls.__name__, _WORD_START.sub("_", cls.__name__).lower())
        near = dict.fromkeys(known[name] for word in words for name in _near(word, known))
        return UnknownEventTypeError(cls.__qualname__, tuple(near)[:NEAR_MATCHES])


def _near(name: str, known: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, known, NEAR_MATCHES)


def _decode_older(event_type: EventType, type_name: str, schema_version: int, data: bytes, position: int) -> Any:
    plain = _plain_current(event_type, type_name, schema_version, data, position)
    try:
        return event_type.codec.convert(plain)
    except Exception as error:
        reason = f"after upcasting to version {event_type.version}, {reason_of(error)}"
        raise UndecodableEventError(type_name, schema_version, reason, position) from error


def _plain_current(
    event_type: EventType, type_name: str, schema_version: int, data: bytes, position: int
) -> dict[str, Any]:
    if not 1 <= schema_version < event_type.version:
        raise UndecodableEventError(type_name, schema_version, _no_such_version(event_type, schema_version), position)
    plain = _plain_object(type_name, schema_version, data, position)
    return upcast(plain, event_type.upcasters, type_name, schema_version, position)


def _plain_object(type_name: str, schema_version: int, data: bytes, position: int) -> dict[str, Any]:
    try:
        plain = _decode_plain(data)
    except Exception as error:
        raise UndecodableEventError(type_name, schema_version, reason_of(error), position) from error
    if type(plain) is not dict:
        raise UndecodableEventError(type_name, schema_version, "it is no JSON object", position)
    return plain


def _no_such_version(event_type: EventType, schema_version: int) -> str:
    if schema_version < 1:
        return "schema versions begin with 1"
    return (
        f"a newer release of the application wrote it; this release knows {event_type.name!r} up to version "
        f"{event_type.version}, so deploy that release here too"
    )
