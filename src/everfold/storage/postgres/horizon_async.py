"""The lock horizon, from the reader's side: up to where a position that was read can have no lower one appear later.

The order is the proof: the last drawn position, then the lowest key that an open append holds, then, in statements of
their own, the rows. An append that holds its lock at the second look has only positions above its key; one that takes
it later draws above the first look; one that has released it is visible to the third. A horizon never outlives the
call that took it, as the sequence goes backwards when the server crashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .session_async import AsyncSession

__all__ = ["Horizon", "take_horizon"]


@dataclass(frozen=True, slots=True)
class Horizon:
    """The two looks. `lowest_open` is None when no append was open."""

    last_drawn: int
    lowest_open: int | None

    @property
    def position(self) -> int:
        """The highest position that is final."""
        return self.last_drawn if self.lowest_open is None else min(self.last_drawn, self.lowest_open)

    def blocks(self, position: int) -> bool:
        """Whether a committed event at this position waits for an append that is still open."""
        return self.lowest_open is not None and position > self.lowest_open


async def take_horizon(session: AsyncSession, sql: Mapping[str, bytes]) -> Horizon:
    """The two looks, in their order. The rows must be read after it has returned, in a later snapshot."""
    last_drawn = await session.value(sql["last_drawn"])
    return Horizon(last_drawn, await session.value(sql["lowest_open"]))
