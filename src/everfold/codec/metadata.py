"""Metadata → canonical JSON bytes: plain data by text keys, under the same refusals as payloads.

It is read back as plain data, so a UUID, date or Decimal in it comes back as text; a key that is no text is refused,
as it would come back as another key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..errors import InvalidNameError, UnencodableEventError
from .canonical import Refusal, plain_bytes, plain_of

__all__ = ["encode_metadata"]

_EMPTY = b"{}"
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode


def encode_metadata(metadata: Mapping[str, Any]) -> bytes:
    """The bytes, keys sorted. Raises InvalidNameError for a key, UnencodableEventError (naming the key) for a value."""
    if not metadata:
        return _EMPTY
    # What most appends carry: a few texts. Plain, unless a character needs a second look.
    if type(metadata) is dict and all(type(key) is type(item) is str and key for key, item in metadata.items()):
        try:
            data = _encode_sorted(metadata)
        except UnicodeEncodeError:
            return _encode_slowly(metadata)
        if 92 not in data:
            return data
    return _encode_slowly(metadata)


def _encode_slowly(metadata: Mapping[str, Any]) -> bytes:
    for key in metadata:
        _check_key(key)
    try:
        return plain_bytes(plain_of(dict(metadata), other_keys=False))
    except Refusal as refusal:
        raise UnencodableEventError("metadata", refusal.path, refusal.reason) from None
    except RecursionError as error:
        raise UnencodableEventError("metadata", "", "it is nested too deep") from error


def _check_key(key: object) -> None:
    if not isinstance(key, str):
        raise InvalidNameError("metadata key", key, f"it must be a str, not {type(key).__name__}")
    if not key:
        raise InvalidNameError("metadata key", key, "it is empty")
    try:
        plain_of(key)
    except Refusal as refusal:
        raise InvalidNameError("metadata key", key, refusal.reason) from None
