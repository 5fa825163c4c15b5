"""What every projection declares: its name and version, when it is applied, which events it sees, what an error does.

A definition is data and pure functions. It knows no store: the same one runs inline, behind the log, or on demand.
"""

from __future__ import annotations

import enum
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypedDict, Unpack

from .. import limits
from ..codec.registry import Registry
from ..errors import ConfigurationError
from ..events.query import Query, QueryItem
from ..storage.read_model import Shape, Target
from ..subscriptions.policy import ErrorPolicy, check_policy
from .fingerprint import fingerprint

__all__ = ["CATCH_UP", "INLINE", "LIVE", "Options", "Projection", "Timing", "name_of"]


class Timing(enum.Enum):
    """When a projection is applied."""

    INLINE = "inline"
    """In the transaction of the append: always up to date; its bug refuses the append."""
    CATCH_UP = "catch_up"
    """By a worker that follows the log: milliseconds behind, and never in a writer's way."""
    LIVE = "live"
    """On demand, from the log: nothing is stored."""

    def __repr__(self) -> str:
        return self.name


INLINE = Timing.INLINE
CATCH_UP = Timing.CATCH_UP
LIVE = Timing.LIVE

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class Options(TypedDict, total=False):
    """What every kind of projection takes beside its name.

    `version`: raise it when the read model must be built anew. `timing`: ef.INLINE, ef.CATCH_UP (the default) or ef.LIVE.
    `on_error`: ef.Stop() (the default), ef.Park() or ef.Retry(...). `categories`, `tags`: only events of any of these
    categories, with all of these tags. `partitions`: split over workers by stream. `unknown`: "ignore" (the default) or
    "fail" on stored types that no module knows.
    """

    version: int
    timing: Timing
    on_error: ErrorPolicy | None
    categories: Iterable[str]
    tags: Iterable[str]
    partitions: int
    unknown: str


class Projection(ABC):
    """The part that documents, tables and handlers share. `problems` is asked when a store opens."""

    kind: ClassVar[str]

    def __init__(self, name: str, **options: Unpack[Options]) -> None:
        surplus = options.keys() - Options.__annotations__.keys()
        if surplus:
            raise TypeError(f"{type(self).__name__}({name!r}) takes no argument {', '.join(sorted(surplus))}")
        self.name = _checked_name(name)
        self.version = _checked_count("version", options.get("version", 1), limits.PROJECTION_VERSION_MAX)
        self.timing = _checked_timing(options.get("timing", CATCH_UP))
        self.on_error = check_policy(options.get("on_error"))
        self.categories = tuple(options.get("categories", ()))
        self.tags = tuple(options.get("tags", ()))
        self.partitions = _checked_count("partitions", options.get("partitions", 1), limits.CONSUMER_PARTITIONS_MAX)
        self.unknown = options.get("unknown", "ignore")
        if self.unknown not in ("ignore", "fail"):
            raise ConfigurationError(f'unknown={self.unknown!r}: say "ignore" or "fail" for types that no module knows')

    @property
    @abstractmethod
    def types(self) -> tuple[type | str, ...]:
        """The event types with a handler or rule; empty: every type."""

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """What its read model's table looks like."""

    @abstractmethod
    def parts(self) -> Iterable[object]:
        """Every function and value that decides what the read model holds: what the code's fingerprint is made of."""

    def problems(self, registry: Registry) -> list[str]:
        """What can't work, one sentence each: asked when a store opens."""
        known = {t.cls for t in registry.types()} | {name for t in registry.types() for name in t.names}
        found = [
            f"projection {self.name!r} handles {wanted if isinstance(wanted, str) else wanted.__qualname__}, "
            "which no module of this store registers as an event"
            for wanted in self.types
            if wanted not in known
        ]
        if self.timing is INLINE and self.partitions > 1:
            found.append(f"projection {self.name!r} is INLINE, so it has no partitions")
        return found

    def query(self, registry: Registry) -> Query:
        """Which events it sees, by stored names."""
        types = registry.names_for(self.types)
        if self.unknown == "fail":  # it must see the types that it doesn't know, to fail on them
            types = ()
        return Query.of([QueryItem(types, self.categories, tuple(sorted(set(self.tags))))])

    def target(self, generation: int = 1) -> Target:
        """Where its read model stands."""
        return Target(self.name, self.version, generation)

    def fingerprint(self) -> str:
        """Tells whether its code changed: the same for the same source, however it is laid out or commented."""
        return fingerprint((self.kind, self.categories, self.tags, self.shape, *self.parts()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, version={self.version}, timing={self.timing!r})"


def name_of(projection: Projection | str) -> str:
    """The name of a projection that is given as itself or by its name."""
    if isinstance(projection, str):
        return projection
    if isinstance(projection, Projection):
        return projection.name
    raise ConfigurationError(f"expected a projection or its name, not {projection!r}")


def arity(function: Callable[..., Any], most: int) -> int:
    """How many positional arguments a handler takes, at most `most`."""
    import inspect

    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # `str`, `dict`, other builtins
        return 1
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return most
    required = [p for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    if len(required) > most:
        raise ConfigurationError(
            f"{getattr(function, '__qualname__', function)} takes {len(required)} arguments, {most} at most are given"
        )
    return min(most, len([p for p in parameters if p.kind in kinds]))


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.match(name) or len(name) > limits.PROJECTION_NAME_CHARACTERS_MAX:
        raise ConfigurationError(
            f"a projection's name is part of its table's name: lower-case letters, digits and _, beginning with a letter, "
            f"{limits.PROJECTION_NAME_CHARACTERS_MAX} at most; not {name!r}"
        )
    return name


def _checked_count(what: str, value: object, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise ConfigurationError(f"{what} must be a number from 1 to {most}, not {value!r}")
    return value


def _checked_timing(timing: object) -> Timing:
    if not isinstance(timing, Timing):
        raise ConfigurationError(f"timing must be ef.INLINE, ef.CATCH_UP or ef.LIVE, not {timing!r}")
    return timing
