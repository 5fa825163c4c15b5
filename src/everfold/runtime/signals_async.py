"""SIGTERM and SIGINT as a wish to stop, for a task; the peer of `signals`, by hand."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["stopping_on_signals"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on either signal, once; a second one does what it always did. Does nothing outside the main thread."""
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def once(number: signal.Signals) -> None:
        loop.remove_signal_handler(number)
        stop()

    try:
        for number in _SIGNALS:
            loop.add_signal_handler(number, once, number)
    except NotImplementedError:  # Windows: Ctrl-C cancels the task instead
        yield
        return
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
