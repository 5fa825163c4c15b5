"""The global options: what they are, and where a command finds what was given.

They may stand before the command and after it; the later one wins, and both win over the environment.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, TextIO

import click
from click.core import ParameterSource

__all__ = ["EPILOG", "Settings", "global_options"]

EPILOG = "The global options (--db, --app, --json, …) may stand here too: everfold --help."


@dataclass(slots=True)
class Settings:
    """What the global options say, for one run of the program."""

    command: str = ""
    db: str | None = None
    db_given: bool = False
    app: str | None = None
    tenant: str = ""
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    yes: bool = False
    no_color: bool = False

    def colors(self, stream: TextIO) -> bool:
        """Whether to colour what goes there: a terminal that was not told otherwise (https://no-color.org)."""
        return stream.isatty() and not self.no_color and not os.environ.get("NO_COLOR")

    @property
    def for_people(self) -> bool:
        """Whether a person reads the result: a terminal, and no --json."""
        return sys.stdout.isatty() and not self.json


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """The options, for the program itself (with the environment) or, hidden in the help, for a command."""
    named: list[tuple[list[str], dict[str, Any]]] = [
        (
            ["--db"],
            {"metavar": "URL", "help": "memory://, sqlite:///file.db or postgresql://user@host/db [EVERFOLD_DB]"},
        ),
        (
            ["--app"],
            {"metavar": "MODULE:NAME", "help": "an ef.Module, a list of them, or a store factory [EVERFOLD_APP]"},
        ),
        (["--tenant"], {"metavar": "NAME", "help": "whose events; one tenant is the default"}),
        (["--json"], {"is_flag": True, "help": "results as JSON: an envelope, or one line per event"}),
        (["-q", "--quiet"], {"is_flag": True, "help": "no notes and no progress on stderr"}),
        (["-v", "--verbose"], {"is_flag": True, "help": "the traceback of an error"}),
        (["--yes"], {"is_flag": True, "help": "do what is otherwise refused for safety"}),
        (["--no-color"], {"is_flag": True, "help": "no colours [NO_COLOR]"}),
    ]
    variables = {} if hidden else {"--db": "EVERFOLD_DB", "--app": "EVERFOLD_APP"}
    return [
        click.Option(
            names,
            callback=_remember,
            expose_value=False,
            is_eager=True,
            hidden=hidden,
            envvar=variables.get(names[0]),
            **rest,
        )
        for names, rest in named
    ]


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Keep what was given; a default never undoes what the other place said."""
    name = parameter.name or ""
    source = context.get_parameter_source(name)
    settings = context.ensure_object(Settings)
    if value is None or source not in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
        return
    setattr(settings, name, value)
    if name == "db":
        settings.db_given = source is ParameterSource.COMMANDLINE
