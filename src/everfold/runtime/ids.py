"""Event ids: UUIDv7, because a unique index over ids that grow with time costs no measurable inserts."""

from __future__ import annotations

from uuid import UUID

import uuid_utils

__all__ = ["new_id", "new_id_bytes"]

_uuid7 = uuid_utils.uuid7


def new_id() -> UUID:
    """A new UUIDv7: unique anywhere, increasing with time to the millisecond."""
    return UUID(bytes=_uuid7().bytes)


def new_id_bytes() -> bytes:
    """The same as its 16 bytes: the form that is stored, at a tenth of the cost of a UUID object."""
    return _uuid7().bytes
