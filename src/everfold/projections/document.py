"""`DocumentProjection`: a JSON document per key, folded from the events that go to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, Unpack

import msgspec

from .. import limits
from ..codec.payload import value_codec
from ..codec.registry import Registry
from ..errors import ConfigurationError, LimitExceededError
from ..events.envelope import RecordedEvent
from ..storage.read_model import Shape
from .keys import by_stream, by_stream_id
from .projection import INLINE, Options, Projection, arity

__all__ = ["DocumentProjection", "Enrichment", "Slice"]

F = TypeVar("F", bound=Callable[..., Any])
KeyFunction = Callable[..., Any]

_encode_plain = msgspec.json.Encoder(decimal_format="string").encode
_decode_plain = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Slice:
    """What one event has to do with one document: `handle(document)` gives the document after it."""

    key: str
    item: Any
    handler: _Handler


@dataclass(frozen=True, slots=True)
class Enrichment:
    """Documents of `source`, asked for by key for a whole batch in one query."""

    source: DocumentProjection
    keys: Callable[..., Any]
    arity: int

    def keys_of(self, recorded: RecordedEvent) -> list[str]:
        """The keys that this event asks for."""
        found = self.keys(recorded.event) if self.arity == 1 else self.keys(recorded.event, recorded)
        return [found] if isinstance(found, str) else list(found or ())


class _Handler:
    """One `@projection.on(...)`, called with as many arguments as it takes."""

    __slots__ = ("each", "function", "key", "key_arity", "most", "types")

    def __init__(
        self,
        types: tuple[type | str, ...],
        function: Callable[..., Any],
        key: KeyFunction,
        each: Callable[..., Any] | None,
    ) -> None:
        self.types = types
        self.function = function
        self.most = arity(function, 4)
        self.key = key
        self.key_arity = arity(key, 2)
        self.each = each

    def slices(self, recorded: RecordedEvent) -> list[Slice]:
        """The event's slices, in order; raises what the codec, `key` and `each` raise."""
        event = recorded.event
        items = (event,) if self.each is None else self.each(event)
        return [Slice(key, item, self) for item in items for key in self._keys(item, recorded)]

    def handle(self, document: Any, item: Any, recorded: RecordedEvent, related: Any) -> Any:
        """The document after the event; None deletes it."""
        if self.most == 3:
            return self.function(document, item, recorded)
        if self.most == 2:
            return self.function(document, item)
        return self.function(document, item, recorded, related)

    def _keys(self, item: Any, recorded: RecordedEvent) -> Iterable[str]:
        found = self.key(item) if self.key_arity == 1 else self.key(item, recorded)
        if type(found) is str:
            return (_checked_key(found),)
        if found is None:
            return ()
        if isinstance(found, (int, str)) or not isinstance(found, Iterable):
            raise TypeError(f"a key must be a str, several of them, or None, not {type(found).__name__}")
        return list(dict.fromkeys(_checked_key(key) for key in found))


class DocumentProjection(Projection):
    """A document per key.

    `key` gives an event's key: a function of the event, or of the event and its envelope, that returns a str, several (the event
    goes to each), or None (to none); without one the document is the stream's. A handler gets the document as it stands
    (None: there is none yet), the payload object, the recorded event, and may take a fourth argument: the documents that
    enrichments found, by projection and key. It returns the document after the event, None to delete it; it must be pure.
    Documents are plain JSON data, or objects of the class `document=`. `indexes` are paths that `find` is quick on.
    """

    kind = "document"

    def __init__(
        self,
        name: str,
        *,
        key: KeyFunction | None = None,
        document: type | None = None,
        indexes: Iterable[str] = (),
        **options: Unpack[Options],
    ) -> None:
        super().__init__(name, **options)
        if key is not None and not callable(key):
            raise ConfigurationError(f"key= takes a function of the event, not {key!r}")
        self.key: KeyFunction = key or by_stream
        self.document = document
        self.indexes = tuple(indexes)
        self.enrichments: list[Enrichment] = []
        self._handlers: list[_Handler] = []
        codec = None if document is None else value_codec(document, name=f"document of {name!r}")
        self._encode: Callable[[Any], bytes] = _encode_plain if codec is None else codec.encode
        self.decode: Callable[[bytes], Any] = _decode_plain if codec is None else codec.decode

    def on(
        self, *types: type | str, key: KeyFunction | None = None, each: Callable[..., Any] | None = None
    ) -> Callable[[F], F]:
        """Register the handler of these event types; without any, of every type that has none of its own.

        `key` replaces the projection's. `each` splits an event into items (`lambda order: order.lines`): the key function
        and the handler then get an item in the event's place, once per item.
        """
        taken = [wanted for handler in self._handlers for wanted in handler.types or ("every other type",)]
        twice = [wanted for wanted in (types or ("every other type",)) if wanted in taken]
        if twice:
            raise ConfigurationError(f"projection {self.name!r} has two handlers for {_shown(twice[0])}")

        def register(function: F) -> F:
            self._handlers.append(_Handler(types, function, key or self.key, each))
            return function

        return register

    def enrich(self, source: DocumentProjection, *, keys: Callable[..., Any]) -> None:
        """Hand to the handlers the documents of `source` at `keys(event)` (or `keys(event, recorded)`).

        They are asked for once a batch, in one query, as they stand then: in a rebuild they are today's.
        """
        self.enrichments.append(Enrichment(source, keys, arity(keys, 2)))

    @property
    def single_stream(self) -> bool:
        """Whether each document is made of the events of one stream, all of them of its own."""
        return all(h.key in (by_stream, by_stream_id) and h.each is None for h in self._handlers) and not self.tags

    @property
    def types(self) -> tuple[type | str, ...]:
        if any(not handler.types for handler in self._handlers):
            return ()
        return tuple(wanted for handler in self._handlers for wanted in handler.types)

    @property
    def shape(self) -> Shape:
        return Shape("document", indexes=tuple((path,) for path in self.indexes))

    def parts(self) -> Iterable[object]:
        for handler in self._handlers:
            yield tuple(_shown(t) for t in handler.types)
            yield handler.function, handler.key, handler.each
        yield self.document
        for enrichment in self.enrichments:
            yield enrichment.source.name, enrichment.keys

    def handlers(self, registry: Registry) -> tuple[dict[str, _Handler], _Handler | None]:
        """The handler of each stored type name, and the one of every other type."""
        named = {name: h for h in self._handlers for name in registry.names_for(h.types)}
        return named, next((h for h in self._handlers if not h.types), None)

    def encode(self, document: Any) -> bytes:
        """The document's bytes. Raises TypeError for what is no JSON, LimitExceededError for one that is too large."""
        data = self._encode(document)
        if len(data) > limits.DOCUMENT_BYTES_MAX:
            raise LimitExceededError(
                "bytes of a document",
                len(data),
                limits.DOCUMENT_BYTES_MAX,
                "Give it a narrower key, or keep less in it.",
            )
        return data

    def problems(self, registry: Registry) -> list[str]:
        found = super().problems(registry)
        if not self._handlers:
            found.append(f"projection {self.name!r} has no handler: register one with @{self.name}.on(EventType)")
        if self.partitions > 1 and not self.single_stream:
            found.append(
                f"projection {self.name!r} has partitions, which split by stream, but its documents are not one stream's "
                "each: two partitions would write the same document. Leave partitions at 1."
            )
        if self.timing is INLINE and self.enrichments:
            found.append(
                f"projection {self.name!r} is INLINE: an enrichment would read what other writers are changing"
            )
        return found


def _checked_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a str, not {type(key).__name__}")
    if not key or len(key) > limits.DOCUMENT_KEY_CHARACTERS_MAX or "\0" in key:
        raise ValueError(f"a key has 1 to {limits.DOCUMENT_KEY_CHARACTERS_MAX} characters, none of them NUL")
    return key


def _shown(wanted: object) -> str:
    return wanted.__qualname__ if isinstance(wanted, type) else str(wanted)
