"""The decider: three pure functions. What they mustn't do: I/O, clocks, randomness, changing their arguments.

After Jérémie Chassaing, "Functional Event Sourcing Decider" (2021): argument order and names are his.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ..errors import ConfigurationError
from ..events.envelope import NewEvent

__all__ = ["Decider", "Snapshots", "decided_events"]

Command = TypeVar("Command")
State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """Keep a snapshot of the state every `every` events, written in the same transaction as the events.

    A snapshot is disposable: raise `schema_version` when the state's shape or `evolve` changes, and older ones are
    ignored. `name` tells apart several deciders over one stream. `state_type` is what the state is decoded to;
    by default the class of `initial_state()` (give it when states are a union of classes).
    """

    every: int
    schema_version: int = 1
    name: str = "state"
    state_type: Any = None

    def __post_init__(self) -> None:
        if any(type(number) is not int or number < 1 for number in (self.every, self.schema_version)):
            raise ConfigurationError("Snapshots(every=..., schema_version=...) must both be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decider(Generic[Command, State]):
    """How a stream decides: `decide(command, state)` gives one event, a list, or nothing; `evolve(state, event)`
    gives the next state; `initial_state()` the state of an empty stream.

    `decide` raises the application's own errors to refuse; it may be called several times for one command, as it
    is on a conflict. A class with no arguments, such as the state's own, is a fine `initial_state`.
    """

    initial_state: Callable[[], State]
    evolve: Callable[[State, Any], State]
    decide: Callable[[Command, State], Any]
    snapshots: Snapshots | None = None

    def __post_init__(self) -> None:
        for name in ("initial_state", "evolve", "decide"):
            if not callable(getattr(self, name)):
                raise ConfigurationError(
                    f"Decider({name}=...) must be a function or a class, not {getattr(self, name)!r}"
                )

    def fold(self, events: Iterable[Any], state: State | None = None) -> State:
        """The state after `events`, beginning with `state`, or with the initial one."""
        folded = self.initial_state() if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded


def decided_events(decided: object) -> list[Any]:
    """What a `decide` returned, as a list: None is nothing, a list, tuple or generator its items, else one event."""
    if decided is None:
        return []
    if isinstance(decided, (list, tuple)) and not hasattr(decided, "_fields"):
        return list(decided)
    if hasattr(decided, "__next__"):
        return list(decided)  # type: ignore[call-overload,no-any-return]
    return [decided]


def payload_of(item: object) -> Any:
    """The payload of an item that may be a NewEvent."""
    return item.payload if isinstance(item, NewEvent) else item
