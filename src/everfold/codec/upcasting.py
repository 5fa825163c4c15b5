"""The chain of upcasters of one event type: plain data of an older schema version → that of the current one.

Invariant: a chain has exactly one upcaster for every version below the current, so any older event reaches it.
"""

from __future__ import annotations

from typing import Any

from ..errors import UpcastError
from .declaration import Upcaster

__all__ = ["upcast"]


def upcast(
    data: dict[str, Any], chain: tuple[Upcaster, ...], type_name: str, from_version: int, position: int | None
) -> dict[str, Any]:
    """The data after every step from `from_version` up. Raises UpcastError, which names the step that failed."""
    version = from_version
    for upcaster in chain[from_version - 1 :]:
        try:
            data = upcaster(data)
        except MemoryError:
            raise
        except Exception as error:
            raise UpcastError(type_name, version, f"it raised {type(error).__name__}", position) from error
        if not isinstance(data, dict):
            raise UpcastError(type_name, version, f"it returned {_named(data)}, not a dict", position)
        version += 1
    return data


def _named(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__qualname__}"
