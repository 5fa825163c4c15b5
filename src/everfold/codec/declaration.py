"""What a module declares about its events, as plain records: nothing is checked here.

Contradictions are found when a store opens (`registration.py`), all of them at once, so that a module
can be imported in any order and shared by several stores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["DeclaringModule", "EventDeclaration", "UpcastDeclaration", "Upcaster"]

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""One step of a chain: the plain data of one schema version in, that of the next out. Pure."""


@dataclass(frozen=True, slots=True)
class EventDeclaration:
    """`@module.event(name, version=..., aliases=...)` on a class."""

    name: str
    version: int
    aliases: tuple[str, ...]
    cls: type


@dataclass(frozen=True, slots=True)
class UpcastDeclaration:
    """`@module.upcast(name, from_version=...)` on a function."""

    name: str
    from_version: int
    function: Upcaster


class DeclaringModule(Protocol):
    """What a registry reads of a `Module`."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def events(self) -> Sequence[EventDeclaration]:
        """Its event types."""
        ...

    @property
    def upcasters(self) -> Sequence[UpcastDeclaration]:
        """Its upcasters."""
        ...
