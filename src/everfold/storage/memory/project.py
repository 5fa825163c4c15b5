"""A declared table's program over a span of the log: the specification of every backend's `project`. Pure but for the log."""

from __future__ import annotations

from typing import NoReturn

from ...errors import CodecError, StatementError, UnknownEventTypeError
from ...events.envelope import Origin, RecordedEvent
from ..expressions import Call
from ..program import Program
from ..read_model import Shape, TableChanges
from ..table_fold import Evaluator, combine
from .log import Log

__all__ = ["project"]

Span = tuple[tuple[int, int], tuple[int, int]]
"""((after, up to), (part, parts))."""


def project(log: Log, tenant: str, shape: Shape, program: Program, span: Span) -> tuple[int, TableChanges] | None:
    """How many events the program matched and what they do to the rows; None when they must be decoded.

    Raises StatementError, as a database does, for what Python refuses.
    """
    (after, up_to), partition = span
    indexes = [i for i in log.matching(program.query, after, up_to + 1) if log.in_part(i, partition)]
    rows = [log.rows[index] for index in indexes]
    versions = program.versions
    if any(row[4] != versions[row[3]] for row in rows) or _calls(program):
        return None
    evaluator = Evaluator(program, shape)
    origin = Origin(_decode_nothing, tenant)
    try:
        changes = [change for row in rows for change in evaluator.evaluate(RecordedEvent(row, origin))]
    except (CodecError, ValueError, TypeError, ArithmeticError) as error:
        raise StatementError(str(error)) from error
    return len(rows), combine(shape, changes)


def _calls(program: Program) -> bool:
    return any(isinstance(part, Call) for rule in program.rules for part in rule.parts())


def _decode_nothing(type_name: str, schema_version: int, data: bytes, position: int) -> NoReturn:
    """A program asks for no payload object."""
    del schema_version, data
    raise UnknownEventTypeError(type_name, (), position)
