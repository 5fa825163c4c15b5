"""`ProjectionGroup`: projections that read each batch once and commit it once."""

from __future__ import annotations

from ..errors import ConfigurationError
from .projection import CATCH_UP, Projection

__all__ = ["ProjectionGroup"]


class ProjectionGroup:
    """Members that stand at the same place take a batch in one transaction, in their order: all of them or none.

    Each member keeps a checkpoint of its own, so one that is rebuilt or stopped leaves the group until it has caught up,
    and the others go on. An enrichment sees documents as they stood before the batch.
    """

    def __init__(self, name: str, *members: Projection) -> None:
        self.name = name
        self.members = members
        wrong = [m for m in members if not isinstance(m, Projection) or m.timing is not CATCH_UP]
        if wrong or len(members) < 2:
            raise ConfigurationError(f"group {name!r} takes two or more projections with timing=ef.CATCH_UP: {wrong!r}")

    def __repr__(self) -> str:
        return f"ProjectionGroup({self.name!r}, {', '.join(m.name for m in self.members)})"
