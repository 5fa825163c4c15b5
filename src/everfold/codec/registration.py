"""From the declarations of all modules of a store to its event types, or to the list of everything that contradicts.

Nothing is raised here, so that one start shows every problem instead of the first.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import limits
from .declaration import DeclaringModule, EventDeclaration, UpcastDeclaration, Upcaster
from .inspection import class_problems
from .payload import PayloadCodec

__all__ = ["EventType", "register"]

Named = tuple[str, Any]
"""A declaration, and the name of the module that made it."""


@dataclass(frozen=True, slots=True)
class EventType:
    """An event type as a store knows it: its stored name, current schema version, class and owner."""

    name: str
    version: int
    aliases: tuple[str, ...]
    cls: type
    module: str
    codec: PayloadCodec = field(repr=False)
    upcasters: tuple[Upcaster, ...] = field(default=(), repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name under which its events are stored."""
        return (self.name, *self.aliases)


def register(modules: Iterable[DeclaringModule]) -> tuple[list[EventType], list[str]]:
    """The event types and the problems; the types are only complete when there is no problem."""
    owners = list({id(module): module for module in modules}.values())
    if strangers := [f"{one!r} is no Module; hand modules over one by one" for one in owners if not _declares(one)]:
        return [], strangers
    problems = list(_module_problems(owners))
    events = [(module.name, declared) for module in owners for declared in module.events]
    problems += _name_problems(events)
    problems += _class_problems(events)
    problems += _version_problems(events)
    for module in owners:
        problems += _upcast_problems(module)
    return ([] if problems else _event_types(owners)), problems


def _declares(module: object) -> bool:
    return all(hasattr(module, name) for name in ("name", "events", "upcasters"))


def _module_problems(modules: Sequence[DeclaringModule]) -> Iterator[str]:
    names = [module.name for module in modules]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"two modules are named {name!r}: each module of a store needs its own name"
        if reason := _bad_name(name):
            yield f"module name {name!r}: {reason}"


def _name_problems(events: Sequence[tuple[str, EventDeclaration]]) -> Iterator[str]:
    uses: dict[Any, list[str]] = defaultdict(list)
    for module, event in events:
        uses[event.name].append(f"type of module {module!r}")
        for alias in event.aliases:
            uses[alias].append(f"alias of {event.name!r} in module {module!r}")
    for name, users in uses.items():
        if reason := _bad_name(name):
            yield f"event type {name!r} ({users[0]}): {reason}"
        if len(users) > 1:
            yield f"event type {name!r} is registered {len(users)} times: {', '.join(users)}; keep one"


def _bad_name(name: Any) -> str | None:
    if not isinstance(name, str):
        return "a name must be a str"
    if not name:
        return "the name is empty"
    if name.startswith("$"):
        return "names that begin with '$' belong to everfold itself"
    if len(name) > limits.TYPE_NAME_CHARACTERS_MAX:
        return f"it has {len(name)} characters, more than {limits.TYPE_NAME_CHARACTERS_MAX}"
    if "\0" in name:
        return "PostgreSQL can't store the character NUL"
    # A half of a surrogate pair is the one thing that a str may hold and UTF-8 can't.
    return "it is no valid Unicode" if name.encode(errors="replace").decode() != name else None


def _class_problems(events: Sequence[tuple[str, EventDeclaration]]) -> Iterator[str]:
    users: dict[int, list[tuple[str, EventDeclaration]]] = defaultdict(list)
    for module, event in events:
        users[id(event.cls)].append((module, event))
    for same in users.values():
        module, event = same[0]
        yield from (f"event {event.name!r} of module {module!r}: {problem}" for problem in class_problems(event.cls))
        if len(same) > 1:
            names = ", ".join(f"{e.name!r} (module {m!r})" for m, e in same)
            yield f"class {event.cls.__qualname__} is registered {len(same)} times: {names}; one class is one event type"


def _version_problems(events: Sequence[tuple[str, EventDeclaration]]) -> Iterator[str]:
    for module, event in events:
        if not _is_version(event.version):
            yield f"event {event.name!r} of module {module!r}: version must be 1, 2, 3, …, not {event.version!r}"


def _is_version(version: Any) -> bool:
    return type(version) is int and version >= 1


def _upcast_problems(module: DeclaringModule) -> Iterator[str]:
    versions = {event.name: event.version for event in module.events}
    aliases = {alias: event.name for event in module.events for alias in event.aliases}
    declared: dict[str, list[Any]] = defaultdict(list)
    for upcaster in module.upcasters:
        declared[upcaster.name].append(upcaster.from_version)
        reason = _bad_upcaster(upcaster, versions, aliases)
        if reason:
            yield f"upcaster of {upcaster.name!r} from version {upcaster.from_version!r} in module {module.name!r}: {reason}"
    for name, from_versions in declared.items():
        for twice in sorted({v for v in from_versions if _is_version(v) and from_versions.count(v) > 1}):
            yield f"upcaster of {name!r} from version {twice} in module {module.name!r} is declared twice; keep one"
    for name, version in versions.items():
        yield from _gaps(module.name, name, version, declared[name])


def _bad_upcaster(upcaster: UpcastDeclaration, versions: dict[str, int], aliases: dict[str, str]) -> str | None:
    if upcaster.name in aliases:
        return f"{upcaster.name!r} is an alias; declare it for {aliases[upcaster.name]!r}"
    if upcaster.name not in versions:
        return "the module has no such event type; an upcaster stands in the module that owns the type"
    if inspect.iscoroutinefunction(upcaster.function):
        return "it must be a plain function: it is pure and waits for nothing"
    if not _is_version(upcaster.from_version):
        return "a schema version is 1, 2, 3, …"
    current = versions[upcaster.name]
    if _is_version(current) and upcaster.from_version >= current:
        return f"the current version is {current}, so no event needs it; raise the version of the event, or remove it"
    return None


def _gaps(module: str, name: str, version: Any, from_versions: list[Any]) -> Iterator[str]:
    missing = [str(v) for v in range(1, version) if v not in from_versions] if _is_version(version) else []
    if missing:
        yield (
            f"event {name!r} of module {module!r} is at version {version}, but has no upcaster from version "
            f"{', '.join(missing)}; declare @module.upcast({name!r}, from_version={missing[0]})"
        )


def _event_types(modules: Sequence[DeclaringModule]) -> list[EventType]:
    return [_event_type(module, event) for module in modules for event in module.events]


def _event_type(module: DeclaringModule, event: EventDeclaration) -> EventType:
    steps = {u.from_version: u.function for u in module.upcasters if u.name == event.name}
    chain = tuple(steps[version] for version in range(1, event.version))
    codec = PayloadCodec(event.cls, event.name)
    return EventType(event.name, event.version, event.aliases, event.cls, module.name, codec, chain)
