"""`everfold projections rebuild`: building a projection anew, with its progress, and every error in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...command import command
from ...failure import OK, PARTLY, not_found
from ...settings import Settings
from ...telling import note, warn
from .switching import dry_run_option

if TYPE_CHECKING:
    from ....event_store import EventStore
    from ....projections.projection import Projection
    from ....projections.status import ProjectionStatus

__all__ = ["rebuild"]


@command("rebuild")
@click.argument("name")
@click.option("--version", type=click.IntRange(1), metavar="N", help="this version of its definition [the highest]")
@click.option("--in-place", is_flag=True, help="empty the build that readers see, and let them see it growing")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="at most so many events a second"
)
@dry_run_option
def rebuild(
    settings: Settings, *, name: str, version: int | None, in_place: bool, rate: float | None, dry_run: bool
) -> int:
    """Build a projection anew from the whole log.

    Needs --app. It is built beside the version that readers see, who notice nothing: verify it, then promote it. A build that was cut off goes on where it stood. An event that
    it fails on is named, with its error in full. --in-place is refused without --yes.
    """
    from ...opening import open_store
    from ...projecting import confirmed, needs_app, show_plan

    needs_app(settings, "a rebuild runs the application's code")
    with open_store(settings) as store:
        projection = _defined(store, name, version)
        plan = store.projections().plans().rebuild(projection, in_place=in_place)
        if dry_run:
            return show_plan(settings, plan)
        if in_place:
            confirmed(settings, plan.steps, "readers would see it empty first, and then growing")
        for step in plan.steps:
            note(settings, step)
        build = _built(settings, store, projection, in_place=in_place, rate=rate)
    return _show(settings, plan.steps, build)


def _defined(store: EventStore, name: str, version: int | None) -> Projection:
    from ...projecting import defined

    defined(store, name)
    found = [p for p in store.projections().definitions() if p.name == name and version in (None, p.version)]
    if not found:
        raise not_found("projection_not_found", f"the application has no version {version} of projection {name!r}")
    return max(found, key=lambda projection: projection.version)


def _built(
    settings: Settings, store: EventStore, projection: Projection, *, in_place: bool, rate: float | None
) -> ProjectionStatus:
    from ...logs import logs_on_stderr
    from ...progress import Progress, duration
    from ...projection_view import label_of

    progress = Progress(settings)
    try:
        with logs_on_stderr(settings, progress.above):
            build = store.projections().rebuild(projection, in_place=in_place, rate=rate, progress=progress)
    except KeyboardInterrupt:
        progress.clear()
        again = f"everfold projections rebuild {projection.name}"
        note(settings, f"interrupted; what was built is kept{'' if in_place else f', and goes on with: {again}'}")
        raise
    finally:
        progress.clear()
    done = f"{build.events:,} events applied in all, {duration(progress.seconds)} spent"
    note(settings, f"{label_of(build)} stands at position {build.position:,}: {done}")
    return build


def _show(settings: Settings, steps: tuple[str, ...], build: ProjectionStatus) -> int:
    from ...projecting import show_step

    show_step(settings, steps, [build])
    if build.state != "active":
        note(settings, f"next: everfold projections verify {build.name}")
    if build.parked:
        warn(settings, f"{build.parked} event(s) are parked: everfold deadletters list {build.name}")
    return PARTLY if build.parked else OK
