"""Read your writes: wait until a read model has a position in it, whichever process feeds it."""

from __future__ import annotations

import time

from ..errors import WaitTimeoutError
from ..storage.control import BuildRow, ConsumerRow
from ..store.scope_async import AsyncScope
from . import control
from .projection import Timing

__all__ = ["wait_for"]

_LOOK_SECONDS_MIN = 0.001
_LOOK_SECONDS_MAX = 0.05


async def wait_for(scope: AsyncScope, name: str, position: int, timeout_seconds: float) -> None:
    """Return when the version that readers see holds everything up to `position`; else raise WaitTimeoutError.

    What counts is the stored checkpoint of the active version at that moment, so it holds over processes and switches.
    """
    if scope.catalogue.newest(name).timing is Timing.LIVE:
        return
    deadline = time.monotonic() + timeout_seconds
    pause = _LOOK_SECONDS_MIN
    while True:
        scope.refuse_closed()
        reached, state = await _reached(scope, name, position)
        if reached >= position:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(name, position, reached, timeout_seconds, state)
        await scope.sleep(min(pause, left))
        pause = min(pause * 1.5, _LOOK_SECONDS_MAX)


async def _reached(scope: AsyncScope, name: str, position: int) -> tuple[int, str]:
    consumers = await scope.storage.consumer_rows(scope.tenant)
    # the builds are looked at later: the one that is active now was at least where its consumer was seen before
    rows = [r for r in await scope.storage.build_rows(scope.tenant) if r.target.projection == name]
    active = control.active_of(rows)
    if active is None:
        return 0, "it was never built: no worker has registered it"
    if active.fed != "consumer":
        return position, ""
    return control.position_of(consumers, active), _state(consumers, active)


def _state(consumers: list[ConsumerRow], active: BuildRow) -> str:
    held = [c for c in consumers if c.name == active.target.consumer]
    wrong = next((c.status for c in held if c.status != "running"), None)
    if wrong is not None:
        return f"its consumer is {wrong}"
    return "" if any(c.owner for c in held) else "no worker has its lease"
