"""The punctuality table in a new version, blue-green: built beside the old one, compared, switched to, and back if need be.

Readers see one whole version all the while, and an import may go on: both versions are fed until the old one is retired.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import everfold as ef

from . import feeding
from .events import flights
from .projections import LATE_AFTER, read_models

__all__ = ["NEWEST", "only_late_is_other", "rebuild"]

NAME = "punctuality"
NEWEST = max(LATE_AFTER)
LAG_MAX = 50_000
"""A promotion is refused while the new version is so far behind the log: an import in full run is thousands ahead."""
WAIT_SECONDS = 120.0
TRY_AGAIN_SECONDS = 0.05

Row = Mapping[str, Any]
Tell = Callable[[str], object]


def only_late_is_other(key: Any, old: Row | None, new: Row | None) -> bool:
    """Whether a difference between the versions is one that is meant: fewer are late, and nothing else is another."""
    del key
    if old is None or new is None:
        return False
    return {**old, "late": new["late"]} == new and new["late"] <= old["late"]


def rebuild(url: str, tell: Tell) -> None:
    """Bring readers the newest version, telling of each step. Cut off anywhere, it goes on when it is run again."""
    with ef.EventStore.open(url, flights, read_models(NEWEST), migrate="never") as store:
        versions = feeding.deployed(store)
    with feeding.worker(url, *sorted({*versions, NEWEST})) as store:
        if not _replaced(store):
            store.wait_for(NAME, store.head(), timeout=WAIT_SECONDS)
            _build_and_switch(store, tell)
    # with a worker that has no code of the old version any more
    with feeding.worker(url, NEWEST) as store:
        tell(f"retired      {', '.join(store.projections().retire(NAME))}: its table is gone")


def _build_and_switch(store: ef.EventStore, tell: Tell) -> None:
    projections = store.projections()
    old = store.read_model(NAME).version()
    built = projections.rebuild(NAME)
    tell(f"built        version {NEWEST} beside version {old}, which readers still see: {built.events:,} events")
    found = _verified(store)
    differing = f"{found.differences:,} differ, only in how many were late, as declared"
    tell(f"verified     {found.new_count:,} rows: {differing if found.differences else 'none differ'}")
    _when_it_may(lambda: projections.promote(NAME, lag_max=LAG_MAX))
    tell(f"promoted     readers see version {NEWEST}: {_late_on_first_day(store)}")
    _when_it_may(lambda: projections.rollback(NAME))
    tell(f"rolled back  readers see version {store.read_model(NAME).version()}: {_late_on_first_day(store)}")
    _when_it_may(lambda: projections.promote(NAME, lag_max=LAG_MAX))
    tell(f"promoted     readers see version {NEWEST} again, for good: {_late_on_first_day(store)}")


def _verified(store: ef.EventStore) -> ef.Verification:
    """Compare until everything that differs was seen with both versions at one position, however fast the import is."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = store.projections().verify(NAME, expected=only_late_is_other)
        if not found.unsettled or time.monotonic() > deadline:
            return found


def _when_it_may(step: Callable[[], object]) -> None:
    """A switch is refused while the other version stands behind the one that readers see, which is soon over."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            step()
        except ef.PromotionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            return


def _replaced(store: ef.EventStore) -> bool:
    """Whether readers see the newest version already, and the one before only waits to be retired."""
    return any(build.state == "retiring" for build in store.projections().status(NAME))


def _late_on_first_day(store: ef.EventStore) -> str:
    """Of a day that is over, so that what changes is the definition and not the day."""
    model = store.read_model(NAME)
    first = model.rows(order_by="day", limit=1)
    if not first:
        return "nobody late"
    day = first[0]["day"]
    return f"{sum(row['late'] for row in model.rows('day = %s', (day,)))} late on {day.day} {day:%B}"
