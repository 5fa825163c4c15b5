"""A declared table's program, run by PostgreSQL itself: one SELECT gives its net effect on each row, which is then applied.

Or inserted at once, in the same statement, where every row changes in the same columns.
"""

# ruff: noqa: S608  # the pieces are quoted names, and texts of `table_sql`

from __future__ import annotations

from ..program import Program
from ..read_model import Shape, Target
from ..table_sql import Declined, changes_of, check_text, effect_text, net_text
from ..table_sql_postgres import PostgresWords
from .changes import change_statements, on_conflict
from .names import identifier, qualified, table_name
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
    values = tenant, after, up_to
    try:
        selected = effect_text(program, shape, words)
        at_once = _insert(schema, target, shape, program, words)
    except Declined:
        return None
    ((count, others),) = await session.fetch(check_text(program, words).encode(), *values)
    if others:
        return None
    if at_once is not None:
        odd = await session.value(at_once, *values)
        return None if odd else int(count)
    changes = changes_of(shape, selected, await session.fetch(selected.text.encode(), *values), words)
    if changes is None:
        return None
    statements = change_statements(schema, tenant, target, shape, changes)
    if statements:
        await session.pipelined(*statements)
    return int(count)


def _insert(schema: str, target: Target, shape: Shape, program: Program, words: PostgresWords) -> bytes | None:
    """One statement for all of it, where every rule changes the same columns. Of odd rows it inserts nothing."""
    net = net_text(program, shape, words)
    if net is None:
        return None
    text, columns, actions = net
    keys = [f"k{number}" for number in range(len(shape.key))]
    chosen = ", ".join([*keys, *(f"n{number}" for number in range(len(columns)))])
    names = ", ".join(map(identifier, (*shape.key, *columns)))
    odd = "(select coalesce(bool_or(odd), false) from net)"
    return (
        f"with net as materialized ({text}), done as (insert into {qualified(schema, table_name(target))} as t "
        f"(tenant, {names}) select $1, {chosen} from net where not {odd} order by {', '.join(keys)} "
        f"{on_conflict(shape, columns, actions)}) select {odd}"
    ).encode()
