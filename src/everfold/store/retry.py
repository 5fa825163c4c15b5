"""When to decide again after a conflict, and how long to wait before. Pure: the shell sleeps."""

from __future__ import annotations

from ..errors import ConflictError, EventIdReusedError
from ..limits import DECIDE_ATTEMPTS_MAX

__all__ = ["delay_seconds", "may_decide_again"]


def may_decide_again(error: ConflictError, attempt: int) -> bool:
    """Whether the decision after `attempt` (from 1) failed ones is worth another; a reused id never is."""
    return attempt < DECIDE_ATTEMPTS_MAX and not isinstance(error, EventIdReusedError)


def delay_seconds(attempt: int) -> float:
    """No wait for the first two: the winner has committed already. Then 1, 2, 4 … 32 ms, to let a crowd thin out."""
    return 0.0 if attempt <= 2 else min(0.001 * 2 ** (attempt - 3), 0.032)
