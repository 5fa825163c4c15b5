"""Opening something: in threads it is simply open. The peer of `opening_async`, by hand."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

__all__ = ["Opening", "opened"]

Opened = TypeVar("Opened")

Opening: TypeAlias = Opened


def opened(value: Opened) -> Opened:
    """The thing itself, which is its own context manager."""
    return value
