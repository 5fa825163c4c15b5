"""What goes wrong, as the command line says it: a code, a message, the next command, and the exit code.

The class of an error decides its exit code; its text never does.
"""

from __future__ import annotations

import re

import click

__all__ = [
    "BUG",
    "CONFLICT",
    "FOUND",
    "INTERRUPTED",
    "NOT_FOUND",
    "OK",
    "PARTLY",
    "REFUSED",
    "UNREACHABLE",
    "USAGE",
    "Failure",
    "conflict",
    "failure_of",
    "not_found",
    "refused",
    "usage",
]

OK = 0
FOUND = 1
USAGE = 2
CONFLICT = 3
NOT_FOUND = 4
UNREACHABLE = 5
REFUSED = 6
PARTLY = 7
BUG = 70
"""An error that nobody foresaw; as BSD's sysexits.h has it, apart from the codes that a script acts on."""
INTERRUPTED = 130


class Failure(Exception):  # noqa: N818  # it is the outcome of a command, whatever the cause
    """Ends the command: `message` says what happened and why, `hint` what to do next."""

    def __init__(self, exit_code: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code
        self.message = message
        self.hint = hint


def usage(message: str, hint: str = "") -> Failure:
    """The command was given something that it can't use."""
    return Failure(USAGE, "usage", message, hint)


def not_found(code: str, message: str, hint: str = "") -> Failure:
    """What was asked for isn't there."""
    return Failure(NOT_FOUND, code, message, hint)


def conflict(code: str, message: str, hint: str = "") -> Failure:
    """What is there isn't in the state that this takes."""
    return Failure(CONFLICT, code, message, hint)


def refused(code: str, message: str, hint: str = "") -> Failure:
    """It could be done, but not without being told again."""
    return Failure(REFUSED, code, message, hint)


def failure_of(error: BaseException) -> Failure:
    """Any error as a Failure."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, click.ClickException):
        return _of_click(error)
    return _of_store(error) or _of_system(error)


def _of_click(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    return usage(error.format_message(), f"{context.command_path} --help" if context else "everfold --help")


def _of_store(error: BaseException) -> Failure | None:
    from .. import errors

    exits = (
        (errors.ConflictError, CONFLICT),
        (errors.StreamClosedError, CONFLICT),
        (errors.CheckpointConflictError, CONFLICT),
        (errors.PromotionRefusedError, REFUSED),
        (errors.ConsumerStoppedError, PARTLY),
        (errors.ProjectionError, CONFLICT),
        (errors.StatementError, USAGE),
        (errors.WaitTimeoutError, UNREACHABLE),
        (errors.StorageError, UNREACHABLE),
        (errors.EverfoldError, USAGE),
    )
    found = next((code for kind, code in exits if isinstance(error, kind)), None)
    return None if found is None else Failure(found, _code_of(type(error)), str(error), _hint_of(error))


def _code_of(kind: type) -> str:
    """WrongExpectedVersionError → wrong_expected_version."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__.removesuffix("Error")).lower()


def _hint_of(error: BaseException) -> str:
    from .. import errors

    if isinstance(error, errors.WrongExpectedVersionError):
        return f"everfold read {_quoted(error.stream)} --after {max(error.actual - 5, 0)}"
    if isinstance(error, errors.UnknownEventTypeError):
        return "everfold types"
    if isinstance(error, errors.ProjectionError):
        return f"everfold projections show {_quoted(error.projection)}"
    return ""


def _quoted(text: str) -> str:
    from shlex import quote

    return quote(text)


def _of_system(error: BaseException) -> Failure:
    if isinstance(error, OSError):
        return Failure(
            UNREACHABLE, "system", f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        )
    message = f"everfold failed where it should not: {type(error).__name__}: {error}"
    return Failure(BUG, "bug", message, "run it again with -v and report the traceback")
