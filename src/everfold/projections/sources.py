"""What a declared table takes its values from, in words: `field("delay") > 15`, `tag("room")`, `date_of(envelope("recorded_at"))`.

A `Source` wraps an expression, which is data that a database can run; operators on it build larger ones.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..errors import ConfigurationError
from ..storage.expressions import Call, Envelope, Expression, Field, Literal, Operation

__all__ = ["Source", "SourceLike", "case", "date_of", "envelope", "expression_of", "field", "literal", "tag"]

_ENVELOPE = ("stream", "stream_id", "category", "version", "position", "type", "recorded_at")
_LITERALS = (bool, int, float, Decimal, date, UUID, type(None))


class Source:
    """A value of an event. `+ - *` count, `== != < <= > >=` compare, `& | ~` join conditions.

    Beside an operator a str is a text, not a path. A comparison with None is neither true nor false: ask `.is_null()`.
    """

    __slots__ = ("expression",)

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def is_null(self) -> Source:
        """Whether it is None, or missing."""
        return Source(Operation("is_null", (self.expression,)))

    def otherwise(self, value: object) -> Source:
        """The same, or `value` where it is None. A str is a text."""
        return self._with("otherwise", value)

    def _with(self, name: str, other: object) -> Source:
        return Source(Operation(name, (self.expression, _operand(other))))

    def _after(self, name: str, other: object) -> Source:
        return Source(Operation(name, (_operand(other), self.expression)))

    def __add__(self, other: object) -> Source:
        return self._with("add", other)

    def __radd__(self, other: object) -> Source:
        return self._after("add", other)

    def __sub__(self, other: object) -> Source:
        return self._with("subtract", other)

    def __rsub__(self, other: object) -> Source:
        return self._after("subtract", other)

    def __mul__(self, other: object) -> Source:
        return self._with("multiply", other)

    def __rmul__(self, other: object) -> Source:
        return self._after("multiply", other)

    def __eq__(self, other: object) -> Source:  # type: ignore[override]
        return self._with("eq", other)

    def __ne__(self, other: object) -> Source:  # type: ignore[override]
        return self._with("ne", other)

    def __lt__(self, other: object) -> Source:
        return self._with("lt", other)

    def __le__(self, other: object) -> Source:
        return self._with("le", other)

    def __gt__(self, other: object) -> Source:
        return self._with("gt", other)

    def __ge__(self, other: object) -> Source:
        return self._with("ge", other)

    def __and__(self, other: object) -> Source:
        return self._with("and", other)

    def __rand__(self, other: object) -> Source:
        return self._after("and", other)

    def __or__(self, other: object) -> Source:
        return self._with("or", other)

    def __ror__(self, other: object) -> Source:
        return self._after("or", other)

    def __invert__(self) -> Source:
        return Source(Operation("not", (self.expression,)))

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("a condition of a declared table is known per event only: join conditions with &, | and ~")

    def __repr__(self) -> str:
        return f"Source({self.expression!r})"


SourceLike = str | bool | int | float | Decimal | date | UUID | None | Source | Callable[[Any], Any]
"""A str is the path of a payload's field; a callable is given the payload object."""


def field(path: str) -> Source:
    """The payload's field at a dotted path: `field("flight.carrier")`. None where there is none."""
    return Source(_field(path))


def envelope(name: str) -> Source:
    """`envelope("recorded_at")`: stream, stream_id (`42` of `stay-42`), category, version, position, type or recorded_at.

    `envelope("metadata:actor")` is the text at a key of the metadata, None when there is no text at it.
    """
    if name not in _ENVELOPE and not (isinstance(name, str) and name.startswith("metadata:") and name[9:]):
        raise ConfigurationError(f"envelope({name!r}): say one of {', '.join(_ENVELOPE)}, or metadata:key")
    return Source(Envelope(name))


def tag(prefix: str) -> Source:
    """Of the event's first tag `prefix:…` the part after the colon."""
    if not isinstance(prefix, str) or not prefix:
        raise ConfigurationError(f'tag("room") takes the part of the tags before the colon, not {prefix!r}')
    return Source(Envelope(f"tag:{prefix}"))


def literal(value: object) -> Source:
    """The value itself; needed for a text, as a bare str is the path of a field."""
    return Source(_literal(value))


def date_of(value: SourceLike) -> Source:
    """The day, in UTC, of a timestamp (a str is a path)."""
    return Source(Operation("date_of", (expression_of(value),)))


def case(condition: Source, one: SourceLike, other: SourceLike) -> Source:
    """`one` where the condition is true, `other` where it is false or None. A str is a path."""
    if not isinstance(condition, Source):
        raise ConfigurationError(f"case(...) takes a condition such as field('delay') > 15, not {condition!r}")
    return Source(Operation("case", (condition.expression, expression_of(one), expression_of(other))))


def expression_of(source: object) -> Expression:
    """The expression of whatever a declared table takes as a source. Raises ConfigurationError."""
    if isinstance(source, Source):
        return source.expression
    if isinstance(source, str):
        return _field(source)
    if isinstance(source, _LITERALS):
        return _literal(source)
    if callable(source):
        return Call(source)
    raise ConfigurationError(
        f"{source!r} is no source: give the path of a field, a number, an expression such as ef.field(...), or a function"
    )


def _field(path: object) -> Field:
    if not isinstance(path, str) or not all(path.split(".")):
        raise ConfigurationError(f"a field is named by its path, such as 'amount' or 'flight.carrier', not {path!r}")
    return Field(path)


def _operand(value: object) -> Expression:
    return value.expression if isinstance(value, Source) else _literal(value)


def _literal(value: object) -> Literal:
    if isinstance(value, float):
        value = Decimal(repr(value))
    whole = not isinstance(value, Decimal) or value.is_finite()
    aware = not isinstance(value, datetime) or value.tzinfo is not None
    if not isinstance(value, (str, *_LITERALS)) or not whole or not aware or (isinstance(value, str) and "\0" in value):
        raise ConfigurationError(
            f"{value!r} can't stand in an expression: texts, numbers, dates, aware datetimes, UUIDs can"
        )
    return Literal(value)
