"""The application's own SQL: its `%s` marks numbered as the server takes them, and what it may not say. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...errors import StatementError
from ..placeholders import translate

__all__ = ["numbered", "refuse_ending"]

_ENDS = re.compile(
    r"(?>\s|;|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*+(?:commit|end|rollback|abort|begin|start|prepare\s+transaction)\b",
    re.IGNORECASE | re.DOTALL,
)


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


def refuse_ending(sql: str) -> None:
    """Raise StatementError for a statement that begins or ends transactions: what it committed could not be taken back."""
    if _ENDS.match(sql):
        raise StatementError("it would begin or end a transaction, which is not a handler's to end; see nested")
