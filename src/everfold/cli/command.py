"""The click command that every command is: it takes the global options too, and says its name for the envelope."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .settings import EPILOG, Settings, global_options

__all__ = ["Command", "command"]


class Command(click.Command):
    """A command whose function is given the Settings and returns its exit code (None: 0)."""

    def __init__(self, name: str | None, *, params: list[click.Parameter] | None = None, **rest: Any) -> None:
        super().__init__(name, params=[*(params or ()), *global_options(hidden=True)], epilog=EPILOG, **rest)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse, knowing the command's name, so that an error of parsing carries it too."""
        if parent is not None:
            parent.ensure_object(Settings).command = info_name or ""
        return super().make_context(info_name, args, parent, **extra)


def command(name: str) -> Callable[[Callable[..., int | None]], Command]:
    """Make a function a command; its docstring is the help, its first line the summary."""

    def decorate(function: Callable[..., int | None]) -> Command:
        return click.command(name, cls=Command)(click.pass_obj(function))

    return decorate
