"""The click command that every command is: it takes the global options too, and says its name for the envelope.

A group of commands imports each only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import click

from .settings import EPILOG, Settings, global_options

__all__ = ["Command", "Group", "Loaders", "command", "unknown"]

Loaders = Mapping[str, Callable[[], click.Command]]
"""Names of commands, in the order of the help, and what imports each."""


class Command(click.Command):
    """A command whose function is given the Settings and returns its exit code (None: 0)."""

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **rest: Any) -> None:
        super().__init__(name, params=[*(params or ()), *global_options(hidden=True)], epilog=EPILOG, **rest)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse, knowing the command's name, so that an error of parsing carries it too."""
        _name(info_name, parent)
        return super().make_context(info_name, args, parent, **extra)


class Group(click.Group):
    """Commands under one word."""

    def __init__(self, name: str, *, commands: Loaders, **rest: Any) -> None:
        params = global_options(hidden=True)
        super().__init__(name, params=params, no_args_is_help=True, subcommand_metavar="COMMAND …", **rest)
        self._loaders = commands

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """As a command does."""
        _name(info_name, parent)
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Their names, in the order of the help."""
        return list(self._loaders)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one; None when there is none of that name."""
        load = self._loaders.get(cmd_name)
        return None if load is None else load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the one that is meant. Raises UsageError, with the nearest name."""
        if args[0] not in self._loaders and not args[0].startswith("-"):
            unknown(ctx, args[0], self._loaders)
        return super().resolve_command(ctx, args)


def unknown(ctx: click.Context, name: str, commands: Loaders) -> NoReturn:
    """Say that there is no such command, and which one is meant."""
    from difflib import get_close_matches

    near = get_close_matches(name, commands, n=1)
    advice = f"Did you mean {near[0]!r}?" if near else f"The commands are: {', '.join(commands)}."
    raise click.UsageError(f"there is no command {name!r}. {advice}", ctx)


def _name(name: str | None, parent: click.Context | None) -> None:
    """`projections list`: the words after the program's own, for the envelope."""
    if parent is not None:
        words = f"{parent.command_path} {name or ''}".partition(" ")[2]
        parent.ensure_object(Settings).command = words.strip()


def command(name: str) -> Callable[[Callable[..., int | None]], Command]:
    """Make a function a command; its docstring is the help, its first line the summary."""

    def decorate(function: Callable[..., int | None]) -> Command:
        return click.command(name, cls=Command)(click.pass_obj(function))

    return decorate
