"""`Module`: the part of an application that owns events, named once and shared by every store that opens with it.

A module only records what is declared on it. Whether the declarations of all modules fit together is
checked when a store opens, and every contradiction is reported in one ConfigurationError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .codec.declaration import EventDeclaration, UpcastDeclaration, Upcaster
from .errors import ConfigurationError

__all__ = ["Module"]

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[[dict[str, Any]], dict[str, Any]])


class Module:
    """A named owner of event types. Declaring is all it does: no I/O, no global state."""

    __slots__ = ("_definitions", "_events", "_upcasters", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._events: list[EventDeclaration] = []
        self._upcasters: list[UpcastDeclaration] = []
        self._definitions: list[Any] = []

    @property
    def events(self) -> tuple[EventDeclaration, ...]:
        """The event types, in the order of their declaration."""
        return tuple(self._events)

    @property
    def upcasters(self) -> tuple[UpcastDeclaration, ...]:
        """The upcasters, in the order of their declaration."""
        return tuple(self._upcasters)

    @property
    def definitions(self) -> tuple[Any, ...]:
        """What was added, in that order: projections and groups of them."""
        return tuple(self._definitions)

    def add(self, *definitions: Any) -> None:
        """Add projections, or groups of them: a store that opens with this module knows them, its workers feed them."""
        self._definitions += definitions

    def event(self, name: str, *, version: int = 1, aliases: Iterable[str] = ()) -> Callable[[C], C]:
        """Register a dataclass, msgspec Struct, attrs class or pydantic model under the name it is stored by.

        `version` is the schema version that the class has now; `aliases` are names under which older events
        of the type are stored. Stands above `@dataclass`, and gives the class back unchanged.
        """
        _check_called("event", name)
        names = (aliases,) if isinstance(aliases, str) else tuple(aliases)

        def register(cls: C) -> C:
            self._events.append(EventDeclaration(name, version, names, cls))
            return cls

        return register

    def upcast(self, name: str, *, from_version: int) -> Callable[[F], F]:
        """Register the function that turns plain data of `from_version` into that of the next schema version.

        It gets a dict of its own, may change it, and returns a dict. It must be pure: it runs on every read.
        """
        _check_called("upcast", name)

        def register(function: F) -> F:
            upcaster: Upcaster = function
            self._upcasters.append(UpcastDeclaration(name, from_version, upcaster))
            return function

        return register

    def __repr__(self) -> str:
        return f"Module({self.name!r}, {len(self._events)} event types)"


def _check_called(decorator: str, name: object) -> None:
    # Without its parentheses the decorator would silently put a function in the class's place.
    if not isinstance(name, str):
        raise ConfigurationError(
            f"@module.{decorator} takes the stored type name first: @module.{decorator}('guest_checked_in', ...), "
            f"not {name!r}"
        )
