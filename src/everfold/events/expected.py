"""What a writer expects of a stream before it appends: an exact version, or one of three words."""

from __future__ import annotations

from enum import Enum
from typing import Final

from .. import limits
from ..errors import ConfigurationError

__all__ = ["ANY", "NO_STREAM", "STREAM_EXISTS", "Expected", "ExpectedVersion", "expectation_code", "expectation_of"]


class ExpectedVersion(Enum):
    """The expectations that are no number."""

    ANY = -1
    STREAM_EXISTS = -2
    NO_STREAM = 0

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__


ANY: Final = ExpectedVersion.ANY
"""Append at the end, wherever that is. Guards against nothing but a repeated append."""
NO_STREAM: Final = ExpectedVersion.NO_STREAM
"""The stream must be empty: the same as version 0."""
STREAM_EXISTS: Final = ExpectedVersion.STREAM_EXISTS
"""The stream must have had at least one event."""

Expected = int | ExpectedVersion

CODE_ANY: Final = -1
CODE_STREAM_EXISTS: Final = -2


def expectation_code(expected: Expected) -> int:
    """The integer that the storage port compares: ≥ 0 exact, -1 any, -2 exists.

    Raises ConfigurationError for what is no expectation (a bool, a negative number, None).
    """
    if isinstance(expected, ExpectedVersion):
        return expected.value
    if type(expected) is int and 0 <= expected <= limits.POSITION_MAX:
        return expected
    raise ConfigurationError(
        f"expected_version must be a version (0, 1, 2, …), ef.ANY, ef.NO_STREAM or ef.STREAM_EXISTS, not {expected!r}"
    )


def expectation_of(code: int) -> Expected:
    """What `expectation_code` came from, for messages; 0 reads as the number."""
    return code if code >= 0 else ExpectedVersion(code)
