"""The whole contract of a store against a plain model of it, on every backend."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

import everfold as ef
from everfold import limits

from .store_machine import StoreMachine, desk


@pytest.fixture(autouse=True)
def page_sizes(monkeypatch):
    """The machine changes them; they are put back."""
    monkeypatch.setattr(limits, "PAGE_EVENTS", limits.PAGE_EVENTS)
    monkeypatch.setattr(limits, "PAGE_EVENTS_FIRST", limits.PAGE_EVENTS_FIRST)


def run(open_store, examples: int, steps: int) -> None:
    """`open_store()` gives a function that opens one new store, again and again. A longer profile runs it longer."""
    scaled = examples * settings.default.max_examples // 100
    chosen = settings(max_examples=scaled, stateful_step_count=steps, deadline=None, print_blob=True)
    run_state_machine_as_test(lambda: StoreMachine(open_store()), settings=chosen)


def test_a_store_in_memory_does_what_its_model_does():
    run(lambda: lambda: ef.EventStore.open("memory://", desk, cache=ef.StateCache(2)), examples=200, steps=40)


@pytest.mark.parametrize("cached", [False, True], ids=["folded anew", "cached"])
def test_a_store_on_sqlite_does_what_its_model_does(tmp_path: Path, cached):
    def open_store():
        cache = ef.StateCache(2) if cached else None
        path = tmp_path / f"{uuid4().hex}.db"
        return lambda: ef.EventStore.open(f"sqlite:///{path}", desk, cache=cache)

    run(open_store, examples=50, steps=40)


@pytest.mark.slow
def test_a_store_on_postgres_does_what_its_model_does(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"

    def open_store():
        tenant = uuid4().hex
        return lambda: ef.EventStore.open(url, desk, tenant=tenant, cache=ef.StateCache(2))

    run(open_store, examples=50, steps=30)
