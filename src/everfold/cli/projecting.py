"""What the commands about projections have in common: finding the one that is meant, and showing builds and plans."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .failure import OK, REFUSED, Failure, not_found, refused, usage
from .projection_view import COLUMNS, for_people, label_of, row, troubles, view
from .results import show
from .settings import Settings
from .telling import note, warn
from .visible import visible

if TYPE_CHECKING:
    from ..event_store import EventStore
    from ..projections.status import Plan, ProjectionStatus

__all__ = [
    "COLUMNS_OF_A_STEP",
    "builds_of",
    "confirmed",
    "defined",
    "known",
    "needs_app",
    "show_builds",
    "show_plan",
    "show_step",
]

COLUMNS_OF_A_STEP = ("what", "value")


def needs_app(settings: Settings, why: str) -> None:
    """Raise unless the application's code is named."""
    if not settings.app:
        raise usage(f"{why}: pass --app", "--app shop.events:orders")


def builds_of(store: EventStore, name: str | None) -> list[ProjectionStatus]:
    """The builds of one projection, or of all. Raises Failure when there is no such projection in the store."""
    there = store.projections().status()
    found = [build for build in there if name in (None, build.name)]
    if name is not None and not found:
        names = [build.name for build in there]
        raise _missing(name, names, "this store has no build of it", "everfold projections register --app …")
    return found


def known(store: EventStore, name: str) -> None:
    """Raise Failure unless the store has a build of it, or the application defines it."""
    if name not in [projection.name for projection in store.projections().definitions()]:
        builds_of(store, name)


def defined(store: EventStore, name: str) -> None:
    """Raise Failure unless the application defines it."""
    names = [projection.name for projection in store.projections().definitions()]
    if name not in names:
        raise _missing(name, names, "the application has no such projection", "add it to a module: module.add(…)")


def _missing(name: str, built: Iterable[str], why: str, otherwise: str) -> Failure:
    from difflib import get_close_matches

    names = sorted(set(built))
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}" if names else otherwise
    return not_found("projection_not_found", f"no projection {name!r}: {why}", hint)


def show_builds(
    settings: Settings, found: Sequence[ProjectionStatus], *, status: str = "pass", more: dict[str, Any] | None = None
) -> None:
    """A line for each build; for people what is wrong with it below."""
    shown = [view(build) for build in found]
    _show(settings, shown, {"projections": shown, **(more or {})}, status)


def _show(settings: Settings, shown: Sequence[dict[str, Any]], data: dict[str, Any], status: str = "pass") -> None:
    if not settings.for_people or not shown:
        text = "no projection is registered in this store"
        show(settings, data, columns=COLUMNS, rows=[row(build) for build in shown], text=text, status=status)
        return
    columns, rows = for_people(shown)
    show(settings, data, columns=columns, rows=rows, status=status)
    for build in shown:
        sys.stdout.writelines(f"{visible(trouble)}\n" for trouble in troubles(build))


def show_plan(settings: Settings, plan: Plan, *, of: str = "projections") -> int:
    """What --dry-run gives: what would happen, and what refuses it. `of`: what the step itself would give."""
    lines = [("would", step) for step in plan.steps] + [("refused", why) for why in plan.refusals]
    data = {"dry_run": True, "steps": list(plan.steps), "refusals": list(plan.refusals), of: []}
    text = "\n".join(f"{'would' if what == 'would' else 'REFUSED'}: {visible(value)}" for what, value in lines)
    show(
        settings,
        data,
        columns=COLUMNS_OF_A_STEP,
        rows=lines,
        text=text,
        status="fail" if plan.refusals else "pass",
    )
    return REFUSED if plan.refusals else OK


def confirmed(settings: Settings, steps: Sequence[str], why: str) -> None:
    """Raise unless --yes was given: the steps are told, and what can't be taken back."""
    if settings.yes:
        return
    for step in steps:
        note(settings, f"would: {step}")
    raise refused("not_confirmed", f"nothing was done: {why}", "look at it with --dry-run; then pass --yes")


def show_step(settings: Settings, steps: Sequence[str], found: Sequence[ProjectionStatus]) -> None:
    """What was done, and where the builds stand now."""
    shown = [view(build) for build in found]
    _show(settings, shown, {"dry_run": False, "steps": list(steps), "refusals": [], "projections": shown})
    warn_of_faults(settings, found)


def warn_of_faults(settings: Settings, found: Iterable[ProjectionStatus]) -> None:
    """A fault in full, with its traceback."""
    for build in found:
        if build.fault is not None:
            text = build.fault.get("traceback") or build.fault.get("message", "")
            warn(settings, f"{label_of(build)} is stopped:\n{str(text).rstrip()}")
