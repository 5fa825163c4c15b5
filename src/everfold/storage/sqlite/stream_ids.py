"""Ids of streams that the writer has met, so that the next append to one needs no look-up by name.

An id never changes its stream, so an entry can't become wrong, only useless. It is kept once its transaction has
committed: an id drawn in one that is rolled back is drawn again for another stream.
"""

from __future__ import annotations

from ... import limits

__all__ = ["StreamIds"]


class StreamIds:
    """(tenant, name) → id, bounded: past the limit it begins anew."""

    def __init__(self) -> None:
        self.committed: dict[tuple[str, str], int] = {}
        self._met: dict[tuple[str, str], int] = {}

    def meet(self, tenant: str, name: str, stream_id: int) -> None:
        """Remember an id seen in the transaction that is open."""
        self._met[tenant, name] = stream_id

    def keep(self) -> None:
        """The transaction has committed."""
        if self._met:
            if len(self.committed) + len(self._met) > limits.NAME_CACHE_ENTRIES:
                self.committed.clear()
            self.committed.update(self._met)
            self._met.clear()

    def drop(self) -> None:
        """The transaction was rolled back."""
        self._met.clear()
