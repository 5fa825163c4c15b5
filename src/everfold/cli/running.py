"""One run of the program: whatever happens inside ends as a documented exit code, with its message on the right stream."""

from __future__ import annotations

import io
import os
import sys

import click

from .failure import INTERRUPTED, OK, Failure, failure_of
from .settings import Settings

__all__ = ["run"]


def run(program: click.Command, args: list[str]) -> int:
    """Run the arguments and give the exit code; nothing is raised."""
    settings = _before_parsing(args)
    try:
        code = _invoke(program, args, settings)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_is_gone()
    except Exception as error:  # noqa: BLE001  # every error has an exit code; -v shows the traceback
        return _report(error, settings)
    return code


def _before_parsing(args: list[str]) -> Settings:
    """Enough of the settings to report that the arguments can't be parsed."""
    options = args[: args.index("--")] if "--" in args else args
    return Settings(json="--json" in options)


def _invoke(program: click.Command, args: list[str], settings: Settings) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal that can't show a character gets its escape, not a traceback
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with program.make_context("everfold", list(args), obj=settings) as context:
            return program.invoke(context) or OK
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:
        sys.stderr.write(f"{asked.format_message()}\n")
        return asked.exit_code


def _reader_is_gone() -> int:
    """Whoever read our output has seen enough, which is no error; what is left unwritten goes nowhere."""
    _drop_output()
    return OK


def _drop_output() -> None:
    """Let the interpreter's last flush succeed."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # it is the process's last


def _report(error: Exception, settings: Settings) -> int:
    from .telling import show_failure, show_traceback

    failure: Failure = failure_of(error)
    if settings.verbose:
        show_traceback(error, settings)
    try:
        show_failure(failure, settings)
    except OSError:
        _drop_output()
    return failure.exit_code
