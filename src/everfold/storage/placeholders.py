"""The application's `%s` marks, in the form that a database takes. Pure.

What stands in quotes or in a comment is text, and stays as it is. Outside of them `%s` is a parameter and `%%` a percent
sign; any other percent sign is itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

__all__ = ["translate"]

_PIECE = re.compile(
    r"""
    (?P<text>
        \b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z)               # a text with backslashes
      | '(?:[^']|'')*(?:'|\Z)
      | "(?:[^"]|"")*(?:"|\Z)                           # a quoted name
      | (?<![\w$])\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
      | --[^\n]*
    )
    | (?P<comment>/\*)
    | (?P<parameter>%s)
    | (?P<percent>%%)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def translate(sql: str, mark: Callable[[int], str]) -> str:
    """The statement with each `%s` replaced by `mark` of its number, from 1."""
    numbers = count(1)
    parts: list[str] = []
    place = 0
    while (piece := _PIECE.search(sql, place)) is not None:
        parts.append(sql[place : piece.start()])
        place = _end_of_comment(sql, piece.end()) if piece["comment"] else piece.end()
        if piece["parameter"]:
            parts.append(mark(next(numbers)))
        else:
            parts.append("%" if piece["percent"] else sql[piece.start() : place])
    return "".join(parts) + sql[place:]


def _end_of_comment(sql: str, place: int) -> int:
    """Where the comment that began before `place` ends; comments may stand in comments."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(sql, place)) is not None:
        depth += 1 if edge[0] == "/*" else -1
        place = edge.end()
    return len(sql) if depth else place
