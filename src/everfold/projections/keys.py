"""Where an event goes: the keys that many projections share. A key function may also be the application's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ConfigurationError
from ..events.envelope import RecordedEvent

__all__ = ["by_stream", "by_stream_id", "by_tag"]


def by_stream(event: Any, recorded: RecordedEvent) -> str | None:
    """One document per stream, named like it. An event that lives in no stream is left out."""
    del event
    return recorded.stream


def by_stream_id(event: Any, recorded: RecordedEvent) -> str | None:
    """One document per stream id: `42` for `stay-42`."""
    del event
    name = recorded.stream
    return None if name is None else name.partition("-")[2] or name


def by_tag(prefix: str) -> Callable[[Any, RecordedEvent], list[str]]:
    """One document per tag `prefix:key`, at `key`: an event with several such tags goes to each."""
    if not isinstance(prefix, str) or not prefix:
        raise ConfigurationError(f'by_tag("room") takes the part of the tags before the colon, not {prefix!r}')
    start = f"{prefix}:"

    def key(event: Any, recorded: RecordedEvent) -> list[str]:
        del event
        return [tag[len(start) :] for tag in recorded.tags if tag.startswith(start) and len(tag) > len(start)]

    return key
