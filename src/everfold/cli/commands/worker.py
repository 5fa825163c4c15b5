"""`everfold worker`: the process that feeds projections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import command
from ..failure import usage
from ..settings import Settings
from ..telling import note

if TYPE_CHECKING:
    from ...event_store import EventStore

__all__ = ["worker"]


@command("worker")
@click.option("--once", is_flag=True, help="end when everything that the log holds was handled")
@click.option("--only", multiple=True, metavar="NAME", help="only this projection; repeatable")
def worker(settings: Settings, *, once: bool, only: tuple[str, ...]) -> None:
    """Feed the application's projections.

    Needs --app. Until SIGTERM or Ctrl-C, which drain it. Several workers, on any machines, share the consumers by leases; which ones this one holds it says on stderr, as
    every error in full. A database that can't be reached is waited for.
    """
    from ...projections.worker import Worker
    from ..logs import logs_on_stderr
    from ..opening import open_store
    from ..projecting import needs_app, show_builds

    needs_app(settings, "a worker runs the application's code")
    with open_store(settings) as store:
        names = _names(store, only)
        running = Worker(store, only=list(only) or None)
        ends = "ends when it has caught up" if once else "Ctrl-C or SIGTERM drains it"
        note(settings, f"worker {running.owner} for {', '.join(names)}; {ends}")
        with logs_on_stderr(settings):
            if once:
                running.run_until_caught_up()
            else:
                running.run()
        found = [build for build in store.projections().status() if build.name in names]
        note(settings, "caught up" if once else "drained: the batch at hand is finished, the leases are given back")
    show_builds(settings, found, more={"owner": running.owner})


def _names(store: EventStore, only: tuple[str, ...]) -> list[str]:
    """What this worker is for."""
    from ..projecting import defined

    for name in only:
        defined(store, name)
    fed = {p.name for p in store.projections().definitions() if p.timing.value != "live"}
    names = sorted(fed.intersection(only) if only else fed)
    if not names:
        raise usage("there is nothing to feed: the application defines no projection that is stored", "module.add(…)")
    return names
