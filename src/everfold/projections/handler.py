"""`HandlerProjection`: any code on the transaction in which the checkpoint moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, Unpack

from ..codec.registry import Registry
from ..errors import ConfigurationError
from ..events.envelope import RecordedEvent
from ..storage.read_model import Shape
from .document import _shown
from .projection import Options, Projection

__all__ = ["HandlerProjection"]

F = TypeVar("F", bound=Callable[..., Any])


class HandlerProjection(Projection):
    """Handlers that write what they want, exactly once: their statements commit together with the checkpoint, or not at all.

    A handler gets a `transaction` with `execute(sql, parameters)` (parameters marked `%s` on every database) and
    `fetch(sql, parameters)`, and the recorded event. It must not touch the world outside: a batch that fails is run again. `@name.setup`
    makes its tables when the projection is registered, `@name.clear` empties them for a rebuild; `transaction.table("audit")`
    names a table of this version. `key(recorded)` is what events are parked under, the stream by default.
    """

    kind = "handler"

    def __init__(
        self,
        name: str,
        *,
        key: Callable[[RecordedEvent], str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(name, **options)
        self.key = key
        self._handlers: list[tuple[tuple[type | str, ...], Callable[..., Any]]] = []
        self.setup_function: Callable[..., Any] | None = None
        self.clear_function: Callable[..., Any] | None = None

    def on(self, *types: type | str) -> Callable[[F], F]:
        """Register the handler of these event types; without any, of every event."""

        def register(function: F) -> F:
            self._handlers.append((types, function))
            return function

        return register

    def setup(self, function: F) -> F:
        """Register what makes the projection's tables: `create table if not exists`."""
        self.setup_function = function
        return function

    def clear(self, function: F) -> F:
        """Register what empties the projection's tables, so that it can be rebuilt in place."""
        self.clear_function = function
        return function

    @property
    def types(self) -> tuple[type | str, ...]:
        if any(not types for types, _ in self._handlers):
            return ()
        return tuple(dict.fromkeys(wanted for types, _ in self._handlers for wanted in types))

    @property
    def shape(self) -> Shape:
        return Shape("handler")

    def parts(self) -> Iterable[object]:
        for types, function in self._handlers:
            yield tuple(_shown(t) for t in types), function
        yield self.key, self.setup_function, self.clear_function

    def handlers(self, registry: Registry) -> tuple[dict[str, list[Callable[..., Any]]], list[Callable[..., Any]]]:
        """The handlers of each stored type name, and those of every event, in the order of their registration."""
        always = [function for types, function in self._handlers if not types]
        named: dict[str, list[Callable[..., Any]]] = {}
        for types, function in self._handlers:
            for name in registry.names_for(types):
                named.setdefault(name, []).append(function)
        return named, always

    def problems(self, registry: Registry) -> list[str]:
        found = super().problems(registry)
        if not self._handlers:
            found.append(f"projection {self.name!r} has no handler: register one with @{self.name}.on(EventType)")
        return found

    def lane(self, recorded: RecordedEvent) -> str:
        """What an event that fails is parked under."""
        if self.key is None:
            return f"stream:{recorded.stream}" if recorded.stream is not None else f"event:{recorded.position}"
        key = self.key(recorded)
        if not isinstance(key, str):
            raise ConfigurationError(f"the key function of projection {self.name!r} must return a str, not {key!r}")
        return f"key:{key}"
