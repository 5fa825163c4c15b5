"""`everfold deadletters list`: the events that projections parked, a line each."""

from __future__ import annotations

from itertools import islice

import click

from ...command import command
from ...results import show
from ...settings import Settings
from ...telling import note

__all__ = ["list_"]

STATES = ("parked", "done", "skipped", "all")
LIMIT = 100


@command("list")
@click.argument("projection", required=False)
@click.option(
    "--state", type=click.Choice(STATES), default="parked", help="parked (the default), done, skipped, or all"
)
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="only letters after this one")
@click.option("-n", "--limit", type=click.IntRange(0), default=LIMIT, metavar="N", help=f"at most so many [{LIMIT}]")
def list_(settings: Settings, *, projection: str | None, state: str, after: int, limit: int) -> None:
    """List the events that PROJECTION, or any, parked.

    Oldest first. Works without --app.
    """
    from ...letter_view import COLUMNS, NARROW, row, view
    from ...opening import open_store
    from ...projecting import known

    with open_store(settings) as store:
        if projection is not None:
            known(store, projection)
        letters = store.dead_letters(projection).list(state=None if state == "all" else state)
        found = [view(one) for one in islice((one for one in letters if one.id > after), limit + 1)]
    shown, more = found[:limit], len(found) > limit
    last = shown[-1]["id"] if more and shown else None
    text = "" if shown else "nothing is parked" if state == "parked" else "there are none"
    data = {"letters": shown, "next": last}
    show(settings, data, columns=COLUMNS, rows=[row(one) for one in shown], narrow=NARROW, text=text)
    if last is not None:
        note(settings, f"there are more: --after {last}")
