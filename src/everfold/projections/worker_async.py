"""`Worker`: feeds every catch-up projection of a store's modules, for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import limits
from ..errors import ConfigurationError
from ..runtime.signals_async import stopping_on_signals
from ..store.scope_async import AsyncScope
from ..subscriptions.consumer_async import AsyncConsumer
from ..subscriptions.worker_async import AsyncRunner, new_owner
from .feeding_async import consumers
from .inline_handover_async import hand_over_due
from .projection import Projection, name_of

__all__ = ["AsyncWorker"]


class AsyncWorker:
    """Any number of workers, in any number of processes, share the consumers by leases.

    `only` is the projections, or their names, that this worker is for. `owner` is what `status` shows as the holder of
    a lease. What a worker held that died stands still for `lease_seconds` at most; one that only seemed dead can't write any more then.
    """

    def __init__(
        self,
        store: Any,
        *,
        only: Iterable[Projection | str] | None = None,
        owner: str | None = None,
        lease_seconds: float = limits.LEASE_SECONDS,
    ) -> None:
        scope = _scope_of(store)
        self._only = None if only is None else _names(scope, only)
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


def _scope_of(store: Any) -> AsyncScope:
    scope = getattr(store, "_scope", None)
    if not isinstance(scope, AsyncScope):
        raise ConfigurationError(
            f"this worker can't feed a {type(store).__name__}: Worker(store) is for a store without Async in its "
            "name, the worker with Async in its name for the other one"
        )
    return scope


def _names(scope: AsyncScope, only: Iterable[Projection | str]) -> frozenset[str]:
    """Raises ProjectionError for a projection that no module of the store has: such a worker would feed nothing."""
    chosen = (only,) if isinstance(only, str) else tuple(only)
    return frozenset(scope.catalogue.newest(name_of(one)).name for one in chosen)
