"""Which of the workers that are alive feeds which consumer. Pure.

Every worker computes the same from the same rows, so nobody has to lead; leases see to it that a disagreement costs nothing
but a moment. A worker shows that it is alive by the lease on a row of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..storage.control import ConsumerKey, ConsumerRow

__all__ = ["PRESENCE", "alive", "presence", "share"]

PRESENCE = "$worker:"
"""What the name of a worker's own row begins with: no projection's does."""


def presence(owner: str) -> str:
    """The name of the row by which a worker shows that it is alive."""
    return f"{PRESENCE}{owner}"


def alive(rows: Iterable[ConsumerRow], now: int) -> tuple[list[str], list[str]]:
    """The owners that are alive at `now` (microseconds, the database's clock), and the names of rows of dead ones."""
    own = [row for row in rows if row.name.startswith(PRESENCE)]
    living = sorted(row.name.removeprefix(PRESENCE) for row in own if row.lease_until > now)
    return living, [row.name for row in own if row.lease_until <= now]


def share(keys: Sequence[ConsumerKey], owners: Sequence[str], me: str) -> Collection[ConsumerKey]:
    """The keys that are this owner's: they go round, so that each has as many as the others, or one more."""
    everyone = sorted({*owners, me})
    mine = everyone.index(me)
    return {key for number, key in enumerate(sorted(keys)) if number % len(everyone) == mine}
