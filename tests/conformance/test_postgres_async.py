"""The PostgreSQL backend, enrolled: a schema of its own for each case."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from everfold.storage.postgres.store_async import AsyncPostgresStorage
from everfold.testing.conformance.backend_async import AsyncBackend
from everfold.testing.conformance.suite_async import cases

globals().update(cases(AsyncPostgresStorage.capabilities))


@pytest.fixture
async def backend(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    connect = partial(psycopg.AsyncConnection.connect, postgres_url, options=f"-c search_path={postgres_schema}")
    async with AsyncBackend(url, AsyncPostgresStorage.capabilities, connect=connect) as backend:
        yield backend
