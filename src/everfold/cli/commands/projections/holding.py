"""`everfold projections register`, `pause`, `resume` and `accept`: whether a projection is fed."""

from __future__ import annotations

import click

from ...command import command
from ...settings import Settings

__all__ = ["accept", "pause", "register", "resume"]


@command("register")
@click.argument("name", required=False)
def register(settings: Settings, *, name: str | None) -> None:
    """Make the builds that are missing; workers feed them.

    Needs --app. For a deploy whose workers may not create tables: a projection's first version is the active one, a later one is
    built beside it.
    """
    from ...opening import open_store
    from ...projecting import defined, needs_app, show_builds

    needs_app(settings, "what is registered is what the application defines")
    with open_store(settings) as store:
        if name is not None:
            defined(store, name)
        found = store.projections().register(name)
    show_builds(settings, found)


@command("pause")
@click.argument("name")
def pause(settings: Settings, *, name: str) -> None:
    """Have it stand still, wherever its workers run.

    Works without --app.
    """
    from ...opening import open_store
    from ...projecting import known, show_builds

    with open_store(settings) as store:
        known(store, name)
        found = store.projections().pause(name)
    show_builds(settings, found)


@command("resume")
@click.argument("name")
def resume(settings: Settings, *, name: str) -> None:
    """Have it go on, after a pause or a fault.

    Works without --app.
    """
    from ...opening import open_store
    from ...projecting import known, show_builds

    with open_store(settings) as store:
        known(store, name)
        found = store.projections().resume(name)
    show_builds(settings, found)


@command("accept")
@click.argument("name")
def accept(settings: Settings, *, name: str) -> None:
    """Declare its changed code harmless, and have it go on.

    Needs --app.
    """
    from ...opening import open_store
    from ...projecting import builds_of, defined, needs_app, show_builds

    needs_app(settings, "what is accepted is the application's code")
    with open_store(settings) as store:
        defined(store, name)
        builds_of(store, name)
        found = store.projections().accept(name)
    show_builds(settings, found)
