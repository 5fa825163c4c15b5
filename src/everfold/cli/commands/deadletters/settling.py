"""`everfold deadletters retry` and `skip`: handling parked events after all, or leaving one out for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...command import command
from ...failure import OK, PARTLY, conflict, not_found, usage
from ...results import show
from ...settings import Settings
from ...telling import warn

if TYPE_CHECKING:
    from ....event_store import EventStore
    from ....projections.letters import Retried

__all__ = ["retry", "skip"]

COLUMNS = ("what", "value")


@command("retry")
@click.argument("id", type=click.IntRange(1), required=False)
@click.option("--projection", metavar="NAME", help="only what this projection parked")
@click.option("--key", metavar="KEY", help="what is parked under this key")
@click.option("--all", "everything", is_flag=True, help="every key")
def retry(settings: Settings, *, id: int | None, projection: str | None, key: str | None, everything: bool) -> int:
    """Handle parked events again, in their order.

    Those of the key of the letter ID, of --key, or of --all keys. Needs --app. The first that fails again stops its key, which stays parked with the rest: exit code 7.
    """
    from ...logs import logs_on_stderr
    from ...opening import open_store
    from ...projecting import needs_app
    from .show import letter_of

    if (id is not None) + (key is not None) + everything != 1:
        raise usage("say which: the ID of a letter, --key KEY, or --all", "everfold deadletters list")
    needs_app(settings, "a retry runs the application's code")
    with open_store(settings) as store, logs_on_stderr(settings):
        if id is not None:
            _check_parked(letter_of(store, id).state, id)
        else:
            _check_any(store, projection, key)
        done = store.dead_letters(projection).retry(id, key=key)
    failed = done.error is not None
    _show(settings, done)
    if failed:
        warn(settings, "one failed again, and holds the rest of its key: everfold deadletters list")
    return PARTLY if failed else OK


def _show(settings: Settings, done: Retried) -> None:
    from ...visible import visible

    error = done.error and f"{done.error['type']}: {done.error['message']}"
    rows: list[tuple[str, object]] = [("done", done.done), *([("error", error)] if error else [])]
    text = visible(f"{done.done} handled{f'; stopped by {error}' if error else ''}")
    data = {"done": done.done, "error": done.error}
    show(settings, data, columns=COLUMNS, rows=rows, text=text, status="fail" if error else "pass")


def _check_any(store: EventStore, projection: str | None, key: str | None) -> None:
    """Raise when a projection or a key is named that nothing is known of."""
    from ...projecting import known

    if projection is not None:
        known(store, projection)
    keys = {letter.key for letter in store.dead_letters(projection).list()} if key is not None else set()
    if key is not None and key not in keys:
        raise not_found("letter_not_found", f"nothing is parked under the key {key!r}", "everfold deadletters list")


@command("skip")
@click.argument("id", type=click.IntRange(1))
@click.option("--reason", metavar="TEXT", help="why it is left out; kept with the letter; required")
@click.option("--actor", metavar="NAME", help="who decides that [the user that runs it]")
@click.option("--dry-run", is_flag=True, help="only say what would happen, and what refuses it")
def skip(settings: Settings, *, id: int, reason: str | None, actor: str | None, dry_run: bool) -> int | None:
    """Leave a parked event out of its read model for good.

    Refused without --yes. Works without --app.
    """
    from ....projections.status import Plan
    from ...letter_view import COLUMNS as LETTER
    from ...letter_view import row, view
    from ...opening import open_store
    from ...projecting import confirmed, show_plan
    from .show import letter_of

    with open_store(settings) as store:
        letter = letter_of(store, id)
        step = f"leave {letter.event_type} at position {letter.position} out of {letter.projection}@{letter.version}"
        refusals = [] if letter.state == "parked" else [f"letter {id} is {letter.state} already"]
        refusals += [] if reason else ["no --reason is given: whoever looks later must know why it is missing"]
        if dry_run:
            return show_plan(settings, Plan("skip", letter.projection, (step,), tuple(refusals)), of="letters")
        _check_parked(letter.state, id)
        if not reason:
            raise usage("skipping an event takes a reason", '--reason "…"')
        confirmed(settings, [step], "a skipped event is never handled again")
        store.dead_letters().skip(id, reason=reason, actor=actor or _user())
        shown = view(letter_of(store, id))
    data = {"dry_run": False, "steps": [step], "refusals": [], "letters": [shown]}
    show(settings, data, columns=LETTER, rows=[row(shown)], text=f"skipped letter {id}")
    return None


def _check_parked(state: str, id: int) -> None:
    if state != "parked":
        raise conflict("letter_settled", f"dead letter {id} is {state} already", f"everfold deadletters show {id}")


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
