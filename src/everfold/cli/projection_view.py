"""A build of a projection as the command line shows it: plain data, the same keys for every build; a line of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..projections.status import ProjectionStatus

__all__ = ["COLUMNS", "for_people", "label", "label_of", "optional_moment", "row", "said", "troubles", "view"]

COLUMNS = (
    "name",
    "version",
    "generation",
    "state",
    "fed",
    "status",
    "position",
    "lag",
    "events",
    "parked",
    "owner",
    "fault",
    "timing",
    "head",
    "partitions",
    "moved_at",
    "code_changed",
)
"""The fields of a build in a pipe, in this order."""
NARROW = ("build", "state", "fed", "status", "position", "lag", "events", "parked", "owner")
OPTIONAL = ("parked", "owner")
"""What a person sees of it: `build` is name@version, with the generation when it isn't the first."""


def view(build: ProjectionStatus) -> dict[str, Any]:
    """The build as plain data."""
    return {
        "name": build.name,
        "version": build.version,
        "generation": build.generation,
        "state": build.state,
        "timing": build.timing,
        "fed": build.fed,
        "status": build.status,
        "position": build.position,
        "head": build.head,
        "lag": build.lag,
        "events": build.events,
        "parked": build.parked,
        "partitions": build.partitions,
        "owner": build.owner,
        "moved_at": optional_moment(build.moved_at),
        "fault": build.fault,
        "verified": build.verified,
        "code_changed": build.code_changed,
    }


def row(shown: dict[str, Any]) -> list[object]:
    """One line: COLUMNS."""
    told = {**shown, "fault": said(shown["fault"]), "code_changed": str(shown["code_changed"]).lower()}
    return [told[name] for name in COLUMNS]


def for_people(builds: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """The columns of a table for people, and its rows: NARROW, without what no build has."""
    told = [{**build, "build": label(build)} for build in builds]
    columns = [name for name in NARROW if name not in OPTIONAL or any(build[name] for build in told)]
    return columns, [[build[name] for name in columns] for build in told]


def troubles(build: dict[str, Any]) -> list[str]:
    """What is wrong with a build, a line each."""
    lines = [f"{label(build)} is stopped by {said(build['fault'])}"] if build["fault"] else []
    return lines + ([f"{label(build)} was built with other code"] if build["code_changed"] else [])


def label(shown: dict[str, Any]) -> str:
    """`revenue@2`, and `revenue@2.3` for its third generation."""
    again = f".{shown['generation']}" if shown["generation"] > 1 else ""
    return f"{shown['name']}@{shown['version']}{again}"


def label_of(build: ProjectionStatus) -> str:
    """The same of a status."""
    return label({"name": build.name, "version": build.version, "generation": build.generation})


def said(fault: dict[str, Any] | None) -> str | None:
    """A fault in one line."""
    if fault is None:
        return None
    first = str(fault.get("message", "")).partition("\n")[0]
    return f"{fault.get('type', 'Error')}: {first}"


def optional_moment(at: datetime | None) -> str | None:
    """A time, if there is one."""
    from .event_view import moment

    return None if at is None else moment(at)
