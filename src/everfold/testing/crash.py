"""The end of a process, as a test makes it happen at a port call of its choice."""

from __future__ import annotations

__all__ = ["Crash"]


class Crash(BaseException):
    """The process died here. No `except Exception` catches it, as none runs in a process that is gone."""
