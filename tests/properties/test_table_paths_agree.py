"""A declared table has the same rows whether Python runs its rules, the database runs them, or a plain model does.

Random rules meet random events, cut into random batches. A database may decline a program or a span, but what it does not
decline it does exactly; a value that Python refuses is never stored by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.table_stories import Happened, Meant, Rows, apply, happenings, held, hotel, tables

import everfold as ef
from everfold.codec.registry import Registry
from everfold.errors import StatementError
from everfold.events.envelope import Origin, RecordedEvent
from everfold.events.query import Query
from everfold.projections.table import TableProjection
from everfold.runtime.ids import new_id
from everfold.storage.port import Storage
from everfold.storage.read_model import Selection, Target
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

REGISTRY = Registry.of([hotel])
DECODED, PROJECTED = Target("random", 1, 1), Target("random", 1, 2)
RECORDED = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
cuts = st.lists(st.booleans(), min_size=8, max_size=8)


def recorded_at(number: int) -> datetime:
    return RECORDED + timedelta(seconds=number, microseconds=number * 1001)


def written(storage: Storage, tenant: str, taken: list[tuple[Any, ...]]) -> list[Happened]:
    """The events, appended one by one."""
    found = []
    for number, (payload, stream, tags, under_alias) in enumerate(taken):
        name, version, data = REGISTRY.encode(payload)
        name = "charge_booked" if under_alias and name == "charge_recorded" else name
        event = EncodedEvent(new_id().bytes, name, version, data, b'{"actor":"clerk"}' if number % 2 else b"{}", tags)
        moment = recorded_at(number)
        micros = round((moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(microseconds=1))
        done = storage.commit(Unit(tenant, (StreamAppend(stream, -1, (event,)),), recorded_at=micros))
        position = done.appends[0].positions[0]
        found.append(Happened(payload, position, stream, tags, moment, "clerk" if number % 2 else None))
    return found


def read(storage: Storage, tenant: str) -> list[RecordedEvent]:
    page = storage.read_all(tenant, after=0, before=None, query=Query(), backwards=False, limit=1000)
    origin = Origin(REGISTRY.decode, tenant, page.names, page.epoch_microseconds)
    return [RecordedEvent(row, origin) for row in page.rows]


def batches_of(events: list[Any], ends: list[bool]) -> list[list[Any]]:
    found: list[list[Any]] = [[]]
    for event, end in zip(events, ends, strict=False):
        found[-1].append(event)
        if end:
            found.append([])
    return [batch for batch in found if batch]


def decoded(storage: Storage, tenant: str, table: TableProjection, batch: list[RecordedEvent]) -> bool:
    """Whether Python takes the batch."""
    evaluator = table.evaluator(REGISTRY)
    try:
        changes = [change for event in batch for change in evaluator.evaluate(event)]
    except (ValueError, TypeError, ArithmeticError):
        return False
    combined = evaluator.combine(changes)
    try:
        storage.transact(lambda tx: tx.change_rows(tenant, DECODED, table.shape, combined))
    except StatementError:
        return False
    return True


def projected(storage: Storage, tenant: str, table: TableProjection, span: tuple[int, int]) -> int | None:
    program = table.program(REGISTRY)
    assert program is not None
    try:
        return storage.transact(lambda tx: tx.project(tenant, PROJECTED, table.shape, program, span=span))
    except StatementError:
        return None


def rows_of(storage: Storage, tenant: str, target: Target, table: TableProjection) -> dict[Any, dict[str, Any]]:
    found = storage.select(tenant, target, table.shape, Selection()).rows
    return {tuple(row[name] for name in table.key): shown(row) for row in found}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Values with their classes and decimal places, in which 1 is neither True nor 1.0."""
    return {name: json.dumps(value, sort_keys=True) if name == "data" else repr(value) for name, value in row.items()}


def agrees(storage: Storage, table: TableProjection, rules: list[Meant], taken: list[Any], ends: list[bool]) -> int:
    """How many spans the database ran by itself."""
    tenant = uuid4().hex
    happened = written(storage, tenant, taken)
    storage.transact(lambda tx: (tx.create_target(DECODED, table.shape), tx.create_target(PROJECTED, table.shape)))
    model: Rows = {}
    runs, after = 0, 0
    for batch, events in zip(batches_of(happened, ends), batches_of(read(storage, tenant), ends), strict=True):
        draft = {key: dict(row) for key, row in model.items()}
        try:
            for one in batch:
                apply(table, rules, draft, one)
            draft = {key: {n: held(n, v) for n, v in row.items()} for key, row in draft.items()}
        except ValueError:
            draft = None
        taken_by_python = decoded(storage, tenant, table, events)
        assert taken_by_python == (draft is not None)
        count = projected(storage, tenant, table, (after, batch[-1].position))
        if draft is None:
            assert count is None
            return runs
        assert rows_of(storage, tenant, DECODED, table) == {key: shown(row) for key, row in draft.items()}
        if count is None:
            return runs
        types = {rule.cls for rule in rules}
        assert count == sum(type(one.payload) in types for one in batch)
        assert rows_of(storage, tenant, PROJECTED, table) == {key: shown(row) for key, row in draft.items()}
        model, after, runs = draft, batch[-1].position, runs + 1
    return runs


def checked(open_store: Callable[[], ef.EventStore], examples: int, least_runs: int) -> None:
    with open_store() as store:
        runs = 0

        @settings(
            max_examples=examples * settings.default.max_examples // 100,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(tables(), st.lists(happenings, min_size=1, max_size=8), cuts)
        def story(made: tuple[TableProjection, list[Meant]], taken: list[Any], ends: list[bool]) -> None:
            nonlocal runs
            table, rules = made
            problems = table.problems(REGISTRY)
            assert problems == []
            try:
                runs += agrees(store.storage, table, rules, taken, ends)
            finally:
                store.storage.transact(
                    lambda tx: (tx.drop_target(DECODED, table.shape), tx.drop_target(PROJECTED, table.shape))
                )

        story()
        assert runs >= least_runs


def test_rules_on_memory_agree_with_the_model():
    checked(lambda: ef.EventStore.open("memory://"), 200, 100)


def test_rules_on_sqlite_agree_with_the_model(tmp_path):
    checked(lambda: ef.EventStore.open(f"sqlite:///{tmp_path / 'store.db'}"), 100, 20)


def test_rules_on_postgres_agree_with_the_model(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    checked(lambda: ef.EventStore.open(url, migrate="auto"), 60, 10)
