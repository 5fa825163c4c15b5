"""What a database makes of a declared table by itself is what Python makes of it, event by event, over any spans and parts.

The generators of `table_cases.py` reach what the stories of `test_table_paths_agree.py` leave out: restrictions by category and
tag, parts of the log, values at the edge of their columns.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from everfold.errors import CodecError, StatementError
from everfold.event_store import EventStore
from everfold.events.envelope import Origin, RecordedEvent
from everfold.projections.table import TableProjection
from everfold.storage.port import Storage
from everfold.storage.read_model import Selection, Target

from .table_cases import REGISTRY, Happened, events, spans, tables, unit_of

DECODED, PROJECTED = Target("legs", 1, 1), Target("legs", 1, 2)
Rows = list[dict[str, str]]


def decoded(
    storage: Storage, tenant: str, table: TableProjection, span: tuple[int, int], part: tuple[int, int]
) -> int | None:
    """How many events Python took in, and None when it refused one of their values."""
    evaluator, query = table.evaluator(REGISTRY), table.query(REGISTRY)
    between = {"after": span[0], "before": span[1] + 1, "partition": part}
    page = storage.read_all(tenant, query=query, backwards=False, limit=1000, **between)
    origin = Origin(REGISTRY.decode, tenant, page.names, page.epoch_microseconds)
    try:
        changes = [change for row in page.rows for change in evaluator.evaluate(RecordedEvent(row, origin))]
        combined = evaluator.combine(changes)
        storage.transact(lambda transaction: transaction.change_rows(tenant, DECODED, table.shape, combined))
    except (CodecError, ValueError, TypeError, ArithmeticError, StatementError):
        return None
    return len(page.rows)


def projected(
    storage: Storage, tenant: str, table: TableProjection, span: tuple[int, int], part: tuple[int, int]
) -> Any:
    """How many events the database took in; None when it declined, its error when it refused."""
    program = table.program(REGISTRY)
    assert program is not None
    try:
        return storage.transact(
            lambda transaction: transaction.project(tenant, PROJECTED, table.shape, program, span=span, partition=part)
        )
    except StatementError as error:
        return error


def rows_of(storage: Storage, tenant: str, target: Target, table: TableProjection) -> Rows:
    found = storage.select(tenant, target, table.shape, Selection()).rows
    return [{name: repr(value) for name, value in row.items()} for row in found]


def checked(storage: Storage, examples: int) -> tuple[int, int]:
    """How many spans the database ran, and how many there were."""
    ran = [0, 0]

    @settings(max_examples=examples * settings.default.max_examples // 100)
    @given(tables(), events, st.sets(st.integers(0, 24), max_size=3), st.sampled_from([1, 1, 1, 2]))
    def compare(table: TableProjection, happened: list[Happened], cuts: set[int], parts: int) -> None:
        assert table.problems(REGISTRY) == []
        tenant, shape = uuid4().hex, table.shape
        storage.transact(lambda t: (t.create_target(DECODED, shape), t.create_target(PROJECTED, shape)))
        try:
            positions = [_stored(storage, tenant, one, number) for number, one in enumerate(happened)]
            for span in spans(positions, sorted(cuts)):
                for part in range(parts):
                    taken = decoded(storage, tenant, table, span, (part, parts))
                    count = projected(storage, tenant, table, span, (part, parts))
                    ran[1] += 1
                    if taken is None:
                        assert count is None or isinstance(count, StatementError)
                        return
                    if count is None:
                        return
                    assert count == taken
                    ran[0] += 1
                    assert rows_of(storage, tenant, PROJECTED, table) == rows_of(storage, tenant, DECODED, table)
        finally:
            storage.transact(lambda t: (t.drop_target(DECODED, shape), t.drop_target(PROJECTED, shape)))

    compare()
    return ran[0], ran[1]


def _stored(storage: Storage, tenant: str, happened: Happened, number: int) -> int:
    return storage.commit(unit_of(happened, number, tenant)).appends[0].positions[0]


def test_memory_makes_of_a_table_what_python_does():
    with EventStore.open("memory://") as store:
        ran, spans_ = checked(store.storage, 100)
    assert ran > spans_ / 2


def test_sqlite_makes_of_a_table_what_python_does(tmp_path):
    with EventStore.open(f"sqlite:///{tmp_path / 'store.db'}") as store:
        ran, spans_ = checked(store.storage, 100)
    assert ran > spans_ / 10


def test_postgres_makes_of_a_table_what_python_does(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    with EventStore.open(url, migrate="auto") as store:
        ran, spans_ = checked(store.storage, 100)
    assert ran > spans_ / 5
