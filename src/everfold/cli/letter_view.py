"""A dead letter as the command line shows it: plain data, the same keys for every letter; a line of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from .event_view import moment
from .projection_view import optional_moment, said

if TYPE_CHECKING:
    from ..projections.status import DeadLetter

__all__ = ["COLUMNS", "NARROW", "row", "view"]

COLUMNS = (
    "id",
    "projection",
    "version",
    "key",
    "position",
    "type",
    "stream",
    "state",
    "attempts",
    "parked_at",
    "error",
    "event_id",
    "settled_at",
    "actor",
    "reason",
)
"""The fields of a letter in a pipe, in this order."""
NARROW = ("id", "projection", "key", "position", "type", "stream", "state", "error")


def view(letter: DeadLetter) -> dict[str, Any]:
    """The letter as plain data."""
    return {
        "id": letter.id,
        "projection": letter.projection,
        "version": letter.version,
        "key": letter.key,
        "position": letter.position,
        "event_id": str(UUID(bytes=letter.event_id)),
        "type": letter.event_type,
        "stream": letter.stream,
        "error": letter.error,
        "attempts": letter.attempts,
        "state": letter.state,
        "parked_at": moment(letter.parked_at),
        "settled_at": optional_moment(letter.settled_at),
        "actor": letter.actor,
        "reason": letter.reason,
    }


def row(shown: dict[str, Any]) -> list[object]:
    """One line: COLUMNS. An event without an error waits behind an earlier one of its key."""
    told = {**shown, "error": said(shown["error"])}
    return [told[name] for name in COLUMNS]
