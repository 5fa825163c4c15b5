"""Which of the workers that are alive feeds which consumer. Pure.

Every worker computes the same from the same rows, so nobody has to lead; leases see to it that a disagreement costs nothing
but a moment. A worker shows that it is alive by the lease on a row of its own, and by that row's epoch what it can feed: only
workers that can feed the same share, else one would leave a consumer to another that doesn't have its code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence

from ..storage.control import ConsumerKey, ConsumerRow

__all__ = ["PRESENCE", "alive", "presence", "reach", "share"]

PRESENCE = "$worker:"
"""What the name of a worker's own row begins with: no projection's does."""


def presence(owner: str) -> str:
    """The name of the row by which a worker shows that it is alive."""
    return f"{PRESENCE}{owner}"


def reach(keys: Iterable[ConsumerKey]) -> bytes:
    """16 bytes that stand for what a worker can feed: the epoch of its own row."""
    return hashlib.blake2b(repr(sorted(keys)).encode(), digest_size=16).digest()


def alive(rows: Iterable[ConsumerRow], now: int, can: bytes) -> tuple[list[str], list[str]]:
    """The owners that are alive at `now` (microseconds, the database's clock) and reach as far; the names of dead ones' rows."""
    own = [row for row in rows if row.name.startswith(PRESENCE)]
    living = sorted(r.name.removeprefix(PRESENCE) for r in own if r.lease_until > now and r.epoch == can)
    return living, [row.name for row in own if row.lease_until <= now]


def share(keys: Sequence[ConsumerKey], owners: Sequence[str], me: str) -> Collection[ConsumerKey]:
    """The keys that are this owner's: they go round, so that each has as many as the others, or one more."""
    everyone = sorted({*owners, me})
    mine = everyone.index(me)
    return {key for number, key in enumerate(sorted(keys)) if number % len(everyone) == mine}
