"""`everfold projections list` and `status`: where every build stands, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...command import command
from ...failure import FOUND, OK
from ...settings import Settings
from ...telling import note

if TYPE_CHECKING:
    from ....event_store import EventStore
    from ....projections.status import ProjectionStatus

__all__ = ["list_", "status"]


@command("list")
def list_(settings: Settings) -> None:
    """List the builds of every projection.

    Works without --app; with it, changed code is noticed, and what is defined but not registered yet is named.
    """
    from ...opening import open_store
    from ...projecting import show_builds

    with open_store(settings) as store:
        found = store.projections().status()
        missing = _unregistered(store, found)
    show_builds(settings, found, more={"unregistered": missing})
    if missing:
        note(settings, f"not registered yet: {', '.join(missing)}; a worker does, or: everfold projections register")


def _unregistered(store: EventStore, found: list[ProjectionStatus]) -> list[str]:
    """Versions that no build is of; LIVE ones never have any."""
    there = {(build.name, build.version) for build in found}
    stored = [p for p in store.projections().definitions() if p.timing.value != "live"]
    return [f"{p.name}@{p.version}" for p in stored if (p.name, p.version) not in there]


@command("status")
@click.argument("name", required=False)
@click.option("--check", is_flag=True, help="exit code 1 when one is stopped, changed, holds parked events, or lags")
@click.option(
    "--lag-max", type=click.IntRange(0), metavar="N", help="with --check: how far behind the log, in positions"
)
def status(settings: Settings, *, name: str | None, check: bool, lag_max: int | None) -> int:
    """Show where the builds of NAME, or all, stand.

    With --check for a monitor. Works without --app.
    """
    from ...opening import open_store
    from ...projecting import builds_of, show_builds

    with open_store(settings) as store:
        found = builds_of(store, name)
    worries = [worry for build in found for worry in _worries(build, lag_max)]
    bad = check and bool(worries)
    show_builds(settings, found, status="fail" if bad else "pass", more={"worries": worries})
    for worry in worries if check else ():
        note(settings, worry)
    return FOUND if bad else OK


def _worries(build: ProjectionStatus, lag_max: int | None) -> list[str]:
    from ...projection_view import label_of

    label = label_of(build)
    worries = [f"{label} is stopped"] if build.status == "stopped" else []
    worries += [f"{label} holds {build.parked} parked event(s)"] if build.parked else []
    worries += [f"{label} was built with other code"] if build.code_changed else []
    late = lag_max is not None and build.state == "active" and build.lag > lag_max
    return worries + ([f"{label} is {build.lag} positions behind the log"] if late else [])
