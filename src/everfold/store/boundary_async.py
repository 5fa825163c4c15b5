"""Folding over a dynamic consistency boundary: everything that matches a query, wherever it was appended.

Events above the horizon are read too, and named in the condition: else an append of somebody else, open for long,
would hold the horizon below this boundary's own last event and make every decision on it a conflict.
"""

from __future__ import annotations

from typing import Any

from .. import limits
from ..deciders.decider import Decider
from ..events.query import Query
from .outcome import Boundary
from .scope_async import AsyncScope

__all__ = ["fold_boundary"]


async def fold_boundary(scope: AsyncScope, query: Query, decider: Decider[Any, Any]) -> Boundary:
    """Fold what matches. An event that appears below the last one read, above the horizon, fails the condition."""
    state = decider.initial_state()
    horizon: int | None = None
    seen: list[int] = []
    after = 0
    while True:
        scope.refuse_closed()
        page = await scope.storage.read_all(
            scope.tenant,
            after=after,
            before=None,
            query=query,
            backwards=False,
            limit=limits.PAGE_EVENTS,
            beyond_horizon=True,
        )
        # the first page's horizon is the lowest, and all later pages were read after it was taken
        horizon = page.horizon if horizon is None else horizon
        for row in page.rows:
            state = decider.evolve(state, scope.registry.decode(row[3], row[4], row[7], row[0]))
        seen += [row[0] for row in page.rows if row[0] > horizon]
        if not page.more:
            return Boundary(state, horizon, tuple(seen))
        after = page.position
