"""The program: its commands, found by name, each imported when it is asked for; and one run of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .command import Loaders, unknown
from .running import run
from .settings import global_options

__all__ = ["everfold"]

COMPLETION_VARIABLE = "_EVERFOLD_COMPLETE"


def _migrate() -> click.Command:
    from .commands.migrate import migrate

    return migrate


def _append() -> click.Command:
    from .commands.append import append

    return append


def _read() -> click.Command:
    from .commands.read import read

    return read


def _tail() -> click.Command:
    from .commands.tail import tail

    return tail


def _streams() -> click.Command:
    from .commands.streams import streams

    return streams


def _types() -> click.Command:
    from .commands.types import types

    return types


def _projections() -> click.Command:
    from .commands.projections.group import projections

    return projections


def _deadletters() -> click.Command:
    from .commands.deadletters.group import deadletters

    return deadletters


def _worker() -> click.Command:
    from .commands.worker import worker

    return worker


def _bench() -> click.Command:
    from .commands.bench import bench

    return bench


def _completion() -> click.Command:
    from .commands.completion import completion

    return completion


def _version() -> click.Command:
    from .commands.version import version

    return version


_COMMANDS: Loaders = {
    "migrate": _migrate,
    "append": _append,
    "read": _read,
    "tail": _tail,
    "streams": _streams,
    "types": _types,
    "projections": _projections,
    "deadletters": _deadletters,
    "worker": _worker,
    "bench": _bench,
    "completion": _completion,
    "version": _version,
}
"""In the order of the help."""


class Program(click.Group):
    """`everfold`: every way out of it is one of the documented exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        load = _COMMANDS.get(cmd_name)
        return None if load is None else load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            unknown(ctx, args[0], _COMMANDS)
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run and exit. A shell that asks for completions is answered by click itself."""
        given = sys.argv[1:] if args is None else list(args)
        if COMPLETION_VARIABLE in os.environ:
            super().main(given, "everfold", complete_var=COMPLETION_VARIABLE)
        sys.exit(run(self, given))


def _version_option() -> click.Option:
    def show(context: click.Context, _: click.Parameter, asked: bool) -> None:
        if asked and not context.resilient_parsing:
            from importlib import metadata

            click.echo(f"everfold {metadata.version('everfold')}")
            context.exit()

    return click.Option(
        ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help="the release"
    )


everfold = Program(
    name="everfold",
    params=[*global_options(hidden=False), _version_option()],
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    help="everfold: append, read and follow an event store, and operate its projections.",
    epilog="Exit codes: 0 ok, 1 found what it looks for, 2 usage, 3 conflict, 4 not found, 5 unreachable, "
    "6 refused for safety, 7 partly failed, 130 interrupted.",
)
