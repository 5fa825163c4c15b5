"""What a command says about itself: notes, warnings and errors, on stderr, without a secret and without a trap.

With --json an error is the result, so it goes to stdout in the envelope.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from .failure import Failure
from .settings import Settings
from .visible import prose

__all__ = ["envelope", "note", "remark", "show_failure", "show_traceback", "warn", "without_secrets", "write_json"]


SECRET_MIN = 4


def envelope(settings: Settings, status: str, data: Any, **rest: Any) -> dict[str, Any]:
    """The one shape of every --json result; `v` grows when a change could break a reader."""
    shape = {"v": 1, "command": settings.command, "status": status, "data": data, "diagnostics": [], "error": None}
    return {**shape, **rest}


def write_json(value: Any) -> None:
    """One line of JSON on stdout. Characters that a terminal would obey are escaped, which leaves the JSON the same."""
    import json

    from .visible import visible

    sys.stdout.write(f"{visible(json.dumps(value, ensure_ascii=False))}\n")


def note(settings: Settings, text: str) -> None:
    """Progress and remarks; -q leaves them out."""
    if not settings.quiet:
        _say(settings, text)


def remark(settings: Settings, text: str) -> None:
    """What is told on stderr, -q or not."""
    _say(settings, text)


def warn(settings: Settings, text: str) -> None:
    """What the reader must know about the result, -q or not."""
    _say(settings, f"{_styled(settings, 'warning:', 'yellow')} {prose(without_secrets(text, settings))}", safe=True)


def show_failure(failure: Failure, settings: Settings) -> None:
    """The error, where the reader of this run looks for it."""
    message, hint = (without_secrets(text, settings) for text in (failure.message, failure.hint))
    if settings.json:
        error = {"code": failure.code, "message": message, "hint": hint}
        write_json(envelope(settings, "error", None, error=error))
        sys.stdout.flush()
        return
    _say(settings, f"{_styled(settings, 'error:', 'red')} {prose(message)}", safe=True)
    if hint:
        _say(settings, f"{_styled(settings, 'next:', 'cyan')} {prose(hint)}", safe=True)


def show_traceback(error: BaseException, settings: Settings) -> None:
    """For -v."""
    import traceback

    _say(settings, "".join(traceback.format_exception(error)).rstrip())


def without_secrets(text: str, settings: Settings) -> str:
    """The text without the password of the store's URL, in whichever spelling it stands there."""
    for secret in _secrets(settings.db or ""):
        # a short one may stand in any word, so only where a URL has it
        spelt = (secret,) if len(secret) >= SECRET_MIN else (f":{secret}@", f"password={secret}")
        for spelling in spelt:
            text = text.replace(spelling, spelling.replace(secret, "***"))
    return text


def _secrets(url: str) -> list[str]:
    """Passwords in a URL: before its last @, and as `password=`; as written and as meant."""
    from urllib.parse import unquote_plus

    found = re.findall(r"//[^/?#:]*:(.*)@", url) + re.findall(r"password=([^&\s]*)", url, re.IGNORECASE)
    spelt = {spelling for secret in found for spelling in (secret, unquote_plus(secret)) if spelling}
    return sorted(spelt, key=len, reverse=True)


def _say(settings: Settings, text: str, *, safe: bool = False) -> None:
    sys.stderr.write(f"{text if safe else prose(without_secrets(text, settings))}\n")
    sys.stderr.flush()


def _styled(settings: Settings, text: str, color: str) -> str:
    return click.style(text, fg=color, bold=True) if settings.colors(sys.stderr) else text
