"""The library's log on stderr while a command runs: a line for each, errors with their traceback, nothing left out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .settings import Settings
from .telling import remark

__all__ = ["logs_on_stderr"]


class _Writing(logging.Handler):
    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record))


@contextmanager
def logs_on_stderr(settings: Settings, write: Callable[[str], None] | None = None) -> Iterator[None]:
    """Show what the library logs (-q: warnings and errors only), by `write` if given, and by no other handler."""
    logger = logging.getLogger("everfold")
    handler = _Writing(write or (lambda text: remark(settings, text)))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if settings.quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
