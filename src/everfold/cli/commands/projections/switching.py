"""`everfold projections promote`, `rollback` and `retire`: which build readers see, and which ones go."""

from __future__ import annotations

import click

from ...command import command
from ...settings import Settings

__all__ = ["promote", "retire", "rollback"]

LAG_MAX = 1000
dry_run_option = click.option("--dry-run", is_flag=True, help="only say what would happen, and what refuses it")
version_option = click.option("--version", type=click.IntRange(1), metavar="N", help="the build of this version")


@command("promote")
@click.argument("name")
@version_option
@click.option(
    "--lag-max",
    type=click.IntRange(0),
    default=LAG_MAX,
    metavar="N",
    help=f"how many positions it may stand behind the log [{LAG_MAX}]",
)
@dry_run_option
def promote(settings: Settings, *, name: str, version: int | None, lag_max: int, dry_run: bool) -> int | None:
    """Switch readers to the new build.

    In one transaction; the old one is fed on, for rollback. Refused (exit code 6) while the new one stands behind it or too far behind
    the log, when its code changed since it was built, when it is stopped, or when its verification found differences.
    """
    from ...opening import open_store
    from ...projecting import builds_of, show_plan, show_step

    with open_store(settings) as store:
        builds_of(store, name)
        plan = store.projections().plans().promote(name, version=version, lag_max=lag_max)
        if dry_run:
            return show_plan(settings, plan)
        store.projections().promote(name, version=version, lag_max=lag_max)
        show_step(settings, plan.steps, builds_of(store, name))
    return None


@command("rollback")
@click.argument("name")
@dry_run_option
def rollback(settings: Settings, *, name: str, dry_run: bool) -> int | None:
    """Switch readers back to the version before.

    In one transaction; works until that version is retired.
    """
    from ...opening import open_store
    from ...projecting import builds_of, show_plan, show_step

    with open_store(settings) as store:
        builds_of(store, name)
        plan = store.projections().plans().rollback(name)
        if dry_run:
            return show_plan(settings, plan)
        store.projections().rollback(name)
        show_step(settings, plan.steps, builds_of(store, name))
    return None


@command("retire")
@click.argument("name")
@version_option
@dry_run_option
def retire(settings: Settings, *, name: str, version: int | None, dry_run: bool) -> int | None:
    """Drop the builds that were replaced.

    Tables and all; with --version the builds of that one. Refused without --yes.
    """
    from ...opening import open_store
    from ...projecting import builds_of, confirmed, show_plan, show_step

    with open_store(settings) as store:
        builds_of(store, name)
        plan = store.projections().plans().retire(name, version=version)
        if dry_run:
            return show_plan(settings, plan)
        if not plan.refusals:
            confirmed(settings, plan.steps, "a dropped build can't be rolled back to")
        store.projections().retire(name, version=version)
        show_step(settings, plan.steps, store.projections().status(name))
    return None
