"""A store on each backend, and the hotel that the public surface is told with."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

BACKENDS = ["memory", "sqlite", "postgres"]


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be opened; the schema or file is the test's own."""
    if request.param == "memory":
        return "memory://"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hotel.db"
    return _postgres(request)


@pytest.fixture(params=BACKENDS[1:])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where what was written is there again after the store was closed."""
    return f"sqlite:///{tmp_path}/hotel.db" if request.param == "sqlite" else _postgres(request)


def _postgres(request: pytest.FixtureRequest) -> str:
    base, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{base}{'&' if '?' in base else '?'}schema={schema}"


@pytest.fixture
def own_table() -> str:
    """A name that no other test gives to a table: those of handlers stand beside the store's schema."""
    return f"audit_{uuid.uuid4().hex[:8]}"
