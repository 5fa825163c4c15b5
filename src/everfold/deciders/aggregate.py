"""Class sugar: an `Aggregate` subclass compiles to a decider.

class Stay(ef.Aggregate):
    def __init__(self) -> None:
        self.checked_out = False

    @ef.applies(GuestCheckedOut)
    def _(self, event): self.checked_out = True

    @ef.decides(CheckOut)
    def check_out(self, command): return GuestCheckedOut(command.at)

A plain method `decide(self, command)` gets the commands that no method is marked for.

store.decide("stay-42", Stay, CheckOut(at=now))
store.decide("stay-42", Stay, lambda stay: stay.check_out(CheckOut(at=now)))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import ConfigurationError
from .decider import Decider, Snapshots

__all__ = ["Aggregate", "applies", "as_decider", "decides"]

Method = TypeVar("Method", bound=Callable[..., Any])
_Tables = tuple[dict[type, Any], dict[type, Any]]
_APPLIES = "_everfold_applies"
_DECIDES = "_everfold_decides"


def applies(*event_types: type) -> Callable[[Method], Method]:
    """Mark the method that applies these events: it changes `self`, or returns the next state. Events without one
    leave the state as it is."""
    return _mark(_APPLIES, event_types)


def decides(*command_types: type) -> Callable[[Method], Method]:
    """Mark the method that decides these commands: it returns one event, a list, or nothing, and changes nothing."""
    return _mark(_DECIDES, command_types)


def _table(name: str, methods: list[Any], marker: str) -> dict[type, Any]:
    table: dict[type, Any] = {}
    for method in methods:
        for one in getattr(method, marker, ()):
            if one in table:
                raise ConfigurationError(f"aggregate {name}: two methods are marked for {one.__name__}")
            table[one] = method
    return table


class _Methods(dict[str, Any]):
    """A class body that keeps every marked method, though several may be called `_`."""

    def __setitem__(self, name: str, value: Any) -> None:
        if hasattr(value, _APPLIES) or hasattr(value, _DECIDES):
            self.setdefault("_everfold_marked", []).append(value)
        super().__setitem__(name, value)


class _AggregateMeta(type):
    """Compiles the marked methods when the class is defined, so that a mistake shows there."""

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **_: Any) -> _Methods:
        del name, bases
        return _Methods()

    def __init__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any], **_: Any) -> None:
        super().__init__(name, bases, dict(body))
        tables: _Tables = ({}, {})
        inherited: list[_Tables] = [getattr(base, "_everfold_tables", ({}, {})) for base in reversed(cls.__mro__[1:])]
        for place, marker in enumerate((_APPLIES, _DECIDES)):
            for parent in inherited:
                tables[place].update(parent[place])
            tables[place].update(_table(name, body.get("_everfold_marked", []), marker))
        cls._everfold_tables = tables
        cls._everfold_decider: Decider[Any, Any] | None = None


class Aggregate(metaclass=_AggregateMeta):
    """A state whose methods apply events and decide commands; needs no arguments to be created.

    Set `snapshots = ef.Snapshots(...)` in the class to have them. Not for sharing: a store gives each caller its own.
    """

    snapshots: Snapshots | None = None
    _everfold_tables: _Tables
    _everfold_decider: Decider[Any, Any] | None


def as_decider(definition: Any) -> Decider[Any, Any]:
    """A Decider as it is; an Aggregate subclass compiled, once. Anything else is a ConfigurationError."""
    if isinstance(definition, Decider):
        return definition
    if isinstance(definition, type) and issubclass(definition, Aggregate):
        if definition.__dict__.get("_everfold_decider") is None:
            definition._everfold_decider = _compile(definition)
        compiled: Decider[Any, Any] = definition.__dict__["_everfold_decider"]
        return compiled
    raise ConfigurationError(f"a Decider or a subclass of Aggregate is needed, not {definition!r}")


def _mark(marker: str, types: tuple[type, ...]) -> Callable[[Method], Method]:
    if not types or not all(isinstance(one, type) for one in types):
        raise ConfigurationError("@applies and @decides take one class or more: @ef.applies(GuestCheckedIn)")

    def mark(method: Method) -> Method:
        setattr(method, marker, types)
        return method

    return mark


def _compile(definition: type[Aggregate]) -> Decider[Any, Any]:
    evolvers, deciders = definition._everfold_tables

    def evolve(state: Any, event: Any) -> Any:
        method = evolvers.get(type(event))
        following = None if method is None else method(state, event)
        return state if following is None else following

    def decide(command: Any, state: Any) -> Any:
        method = deciders.get(type(command))
        if method is not None:
            return method(state, command)
        if callable(command):
            return command(state)
        if hasattr(state, "decide"):
            return state.decide(command)
        known = ", ".join(sorted(one.__name__ for one in deciders)) or "none"
        raise ConfigurationError(
            f"aggregate {definition.__name__} has no @decides method, and no method `decide`, for {type(command).__name__} (it has: {known}); "
            "mark one, or pass a function of the aggregate"
        )

    return Decider(initial_state=definition, evolve=evolve, decide=decide, snapshots=definition.snapshots)
