"""`everfold deadletters`: its commands, each imported when it is asked for."""

from __future__ import annotations

import click

from ...command import Group, Loaders

__all__ = ["deadletters"]


def _list() -> click.Command:
    from .looking import list_

    return list_


def _show() -> click.Command:
    from .show import show_

    return show_


def _retry() -> click.Command:
    from .settling import retry

    return retry


def _skip() -> click.Command:
    from .settling import skip

    return skip


_COMMANDS: Loaders = {"list": _list, "show": _show, "retry": _retry, "skip": _skip}
"""In the order of the help."""

deadletters = Group("deadletters", commands=_COMMANDS, help="See parked events; retry them, or skip one.")
