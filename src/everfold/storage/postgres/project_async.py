"""A declared table's program, run by PostgreSQL itself: one SELECT gives its net effect on each row, which is then applied."""

from __future__ import annotations

from ..program import Program
from ..read_model import Shape, Target
from ..table_sql import Declined, changes_of, check_text, effect_text
from ..table_sql_postgres import PostgresWords
from .changes import change_statements
from .session_async import AsyncSession

__all__ = ["project"]

Span = tuple[tuple[int, int], tuple[int, int]]
"""((after, up to), (part, parts))."""


async def project(
    session: AsyncSession, place: tuple[str, str], table: tuple[Target, Shape], program: Program, span: Span
) -> int | None:
    """How many events of the span the program matched; None, and nothing changed, when they must be decoded.

    `place`: the schema and the tenant.
    """
    schema, tenant = place
    (target, shape), ((after, up_to), part) = table, span
    words = PostgresWords(schema, part)
    try:
        selected = effect_text(program, shape, words)
    except Declined:
        return None
    values = tenant, after, up_to
    ((count, others),) = await session.fetch(check_text(program, words).encode(), *values)
    if others:
        return None
    changes = changes_of(shape, selected, await session.fetch(selected.text.encode(), *values), words)
    if changes is None:
        return None
    statements = change_statements(schema, tenant, target, shape, changes)
    if statements:
        await session.pipelined(*statements)
    return int(count)
