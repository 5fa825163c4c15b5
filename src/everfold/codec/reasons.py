"""Why stored bytes couldn't be decoded, in words that name the field and never a value: messages end up in logs."""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["reason_of", "unfit"]

_FIELD = re.compile(r"field '([^']+)': (.+)", re.DOTALL)
_PATH_MARK = " - at `"
_MISSING = re.compile(r"missing required field `(.+)`")
_WITH_VALUE = re.compile(r"(Invalid (?:enum )?value)\b.*", re.DOTALL)


def reason_of(error: BaseException) -> str:
    """One clause, without a full stop, that says what didn't fit and where. Raises a MemoryError: no data's fault."""
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, msgspec.ValidationError):
        return _validation(error)
    if isinstance(error, msgspec.DecodeError):
        return f"it is no valid JSON ({error})"
    if isinstance(error, UnicodeDecodeError):
        return "it holds text that is no valid UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    listed = getattr(error, "errors", None)
    return _pydantic(error) if callable(listed) else f"{type(error).__name__} was raised while the object was made"


def unfit(error: BaseException) -> tuple[str, str]:
    """The same in two parts: the field ("" when none is to blame), and what is wrong with it."""
    reason = reason_of(error)
    found = _FIELD.fullmatch(reason)
    return (found[1], found[2]) if found else ("", reason)


def _validation(error: msgspec.ValidationError) -> str:
    text, _, place = str(error).rpartition(_PATH_MARK)
    path = place.rstrip("`").rpartition("`")[2] if text else ""
    path = path.removeprefix("$").removeprefix(".")
    text = text or str(error)
    if error.__cause__ is not None:
        return _at(path, reason_of(error.__cause__))
    if missing := _MISSING.search(text):
        return f"the required field {_join(path, missing[1])!r} is missing"
    return _at(path, _WITH_VALUE.sub(r"\1", text).replace("`", "'"))


def _at(path: str, reason: str) -> str:
    return f"field {path!r}: {reason}" if path else reason


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _pydantic(error: Any) -> str:
    """Where and which rule; pydantic's own text may hold the value."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(_at(_location(item["loc"]), f"pydantic refuses it ({item['type']})") for item in found)


def _location(steps: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
