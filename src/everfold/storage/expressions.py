"""Expressions over an event, as data: what a declared table computes its keys, values and conditions from.

Their inputs are plain: the payload's JSON data (upcast), and the envelope.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["Envelope", "Expression", "Field", "Literal", "Operation"]


class Expression(msgspec.Struct, frozen=True, tag=True):
    """The root of the kinds of expression."""


class Field(Expression, frozen=True):
    """The payload's value at a dotted path; None where there is none."""

    path: str


class Envelope(Expression, frozen=True):
    """`name`: stream, stream_id, category, version, position, type, recorded_at, or `tag:prefix`, or `metadata:key`."""

    name: str


class Literal(Expression, frozen=True):
    """A value as it stands."""

    value: Any


class Operation(Expression, frozen=True):
    """`name` applied to arguments."""

    name: str
    arguments: tuple[Expression, ...]
