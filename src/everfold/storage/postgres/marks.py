"""The `%s` marks of the application's own SQL, numbered as the server takes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import StatementError
from ..placeholders import translate

__all__ = ["numbered"]


def numbered(sql: str, rows: Sequence[Sequence[Any]], *, after: int = 0) -> str:
    """The statement with `$n` marks, the first one after `after`. Raises StatementError unless each row has a value for each."""
    marks: list[str] = []

    def mark(number: int) -> str:
        marks.append(f"${after + number}")
        return marks[-1]

    text = translate(sql, mark)
    wrong = {len(row) for row in rows} - {len(marks)}
    if wrong:
        raise StatementError(f"it has {len(marks)} parameters (%s), and was given {min(wrong)}")
    return text
