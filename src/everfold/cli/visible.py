"""Text made safe to show: nothing that a stream name or a payload holds reaches a terminal as a command. Pure.

Control characters, line breaks other than the caller's own, and characters that reorder or hide text (bidi controls, zero
width, tags) are written as `\\uXXXX`, which is also how JSON writes them: escaped JSON stays the same JSON.
"""

from __future__ import annotations

import re

__all__ = ["cell", "prose", "visible"]

_HIDDEN = (
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: what terminals obey
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # hides or reorders
    "\ud800-\udfff"  # halves of surrogate pairs, which no encoding writes
    "\U000e0000-\U000e0fff"  # tags and variation selectors: invisible text
)
_hidden = re.compile(f"[{_HIDDEN}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """One line without a character that acts instead of being seen."""
    return _hidden.sub(_escape, text)


def prose(text: str) -> str:
    """The same for a message of several lines: its own line breaks stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def cell(value: object) -> str:
    """A value as one field of a tab-separated line; None is empty."""
    return "" if value is None else visible(str(value))


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
