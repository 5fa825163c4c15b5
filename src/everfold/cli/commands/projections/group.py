"""`everfold projections`: its commands, each imported when it is asked for."""

from __future__ import annotations

import click

from ...command import Group, Loaders

__all__ = ["projections"]


def _list() -> click.Command:
    from .looking import list_

    return list_


def _status() -> click.Command:
    from .looking import status

    return status


def _show() -> click.Command:
    from .show import show_

    return show_


def _register() -> click.Command:
    from .holding import register

    return register


def _pause() -> click.Command:
    from .holding import pause

    return pause


def _resume() -> click.Command:
    from .holding import resume

    return resume


def _accept() -> click.Command:
    from .holding import accept

    return accept


def _rebuild() -> click.Command:
    from .rebuild import rebuild

    return rebuild


def _verify() -> click.Command:
    from .verify import verify

    return verify


def _promote() -> click.Command:
    from .switching import promote

    return promote


def _rollback() -> click.Command:
    from .switching import rollback

    return rollback


def _retire() -> click.Command:
    from .switching import retire

    return retire


_COMMANDS: Loaders = {
    "list": _list,
    "status": _status,
    "show": _show,
    "register": _register,
    "pause": _pause,
    "resume": _resume,
    "accept": _accept,
    "rebuild": _rebuild,
    "verify": _verify,
    "promote": _promote,
    "rollback": _rollback,
    "retire": _retire,
}
"""In the order of the help: looking, holding, and the way of a rebuild."""

projections = Group(
    "projections",
    commands=_COMMANDS,
    help="See and operate projections: rebuild, promote, pause.",
)
