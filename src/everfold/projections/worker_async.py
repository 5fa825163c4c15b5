"""`Worker`: feeds every catch-up projection of a store's modules, for as long as it runs."""

from __future__ import annotations

from typing import Any

from .. import limits
from ..runtime.signals_async import stopping_on_signals
from ..store.scope_async import AsyncScope
from ..subscriptions.consumer_async import AsyncConsumer
from ..subscriptions.worker_async import AsyncRunner, new_owner
from .feeding_async import consumers
from .inline_handover_async import hand_over_due

__all__ = ["AsyncWorker"]


class AsyncWorker:
    """Any number of workers, in any number of processes, share the consumers by leases.

    `only` names the projections that this worker is for. `owner` is what `status` shows as the holder of a lease. What a
    worker held that died stands still for `lease_seconds` at most; one that only seemed dead can't write any more then.
    """

    def __init__(
        self,
        store: Any,
        *,
        only: list[str] | None = None,
        owner: str | None = None,
        lease_seconds: float = limits.LEASE_SECONDS,
    ) -> None:
        scope: AsyncScope = store._scope
        self._only = only
        self._runner = AsyncRunner(scope, (), owner or new_owner(), self._consumers, lease_seconds=lease_seconds)
        self._scope = scope

    @property
    def owner(self) -> str:
        """The name under which it holds leases."""
        return self._runner.owner

    async def run(self) -> None:
        """Feed consumers until `stop`, or SIGTERM or SIGINT: then the batch at hand is finished and the leases given back.

        A database that can't be reached is waited for. Raises nothing about a single event: a consumer that stops says so
        in its status, and the others go on.
        """
        with stopping_on_signals(self.stop):
            await self._runner.run()

    async def run_until_caught_up(self) -> None:
        """Feed consumers until each has everything that the log holds, then return: for tests, scripts and notebooks.

        Raises ConsumerStoppedError when one is stopped by a fault, after the others have caught up.
        """
        await self._runner.run_until_caught_up()
        if await hand_over_due(self._scope):
            await self._runner.run_until_caught_up()

    def stop(self) -> None:
        """Have `run` return after the batch at hand. May be called from any thread."""
        self._runner.stop()

    async def _consumers(self) -> list[AsyncConsumer]:
        await hand_over_due(self._scope)
        found = await consumers(self._scope)
        return [c for c in found if self._only is None or c.name.partition("@")[0] in self._only]
