"""Stream names and tags: what may be one, and what its category is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .. import limits
from ..errors import InvalidNameError, LimitExceededError

__all__ = ["StreamState", "category_of", "check_stream_name", "check_tag", "check_tenant"]

SYSTEM_PREFIX = "$"


@dataclass(frozen=True, slots=True)
class StreamState:
    """Where a stream stands. `version` counts every event ever appended; `status` is open, tombstoned or archived.

    Events with a version up to `truncated_before - 1` are hidden from reads of the stream (1: nothing is hidden).
    """

    name: str
    version: int
    status: str
    created_at: datetime
    updated_at: datetime
    truncated_before: int = 1


def category_of(name: str) -> str:
    """The part before the first hyphen: `category_of("stay-42") == "stay"`; a name without one is its own category."""
    return name.partition("-")[0]


def check_stream_name(name: str, *, system: bool = False) -> str:
    """Give the name back, or raise InvalidNameError or LimitExceededError. `$…` is everfold's own namespace."""
    _check_text("stream name", name, limits.STREAM_NAME_CHARACTERS_MAX)
    if name.startswith(SYSTEM_PREFIX) and not system:
        raise InvalidNameError("stream name", name, "names that begin with '$' belong to everfold itself")
    return name


def check_tag(tag: str) -> str:
    """Give the tag back, or raise InvalidNameError or LimitExceededError."""
    return _check_text("tag", tag, limits.TAG_CHARACTERS_MAX)


def check_tenant(tenant: str) -> str:
    """Give the tenant back ("" is the only tenant of a store that has one), or raise."""
    return tenant if tenant == "" else _check_text("tenant", tenant, limits.TENANT_CHARACTERS_MAX)


def _check_text(kind: str, text: str, characters_max: int) -> str:
    if not isinstance(text, str):
        raise InvalidNameError(kind, text, f"it must be a str, not {type(text).__name__}")
    if not text:
        raise InvalidNameError(kind, text, "it is empty")
    if len(text) > characters_max:
        raise LimitExceededError(f"characters of a {kind}", len(text), characters_max, f"Shorten the {kind}.")
    if "\0" in text:
        raise InvalidNameError(kind, text, "PostgreSQL can't store the character NUL")
    if not text.isascii() and not _is_unicode(text):
        raise InvalidNameError(kind, text, "it holds half of a surrogate pair, which is no valid Unicode")
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
