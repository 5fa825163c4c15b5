"""The SQLite backend, enrolled."""

from __future__ import annotations

import sqlite3
from functools import partial

import pytest

from everfold.storage.sqlite.store_async import AsyncSqliteStorage
from everfold.testing.conformance.backend_async import AsyncBackend
from everfold.testing.conformance.suite_async import cases

globals().update(cases(AsyncSqliteStorage.capabilities))


@pytest.fixture
async def backend(tmp_path):
    path = tmp_path / "store.db"
    connect = partial(sqlite3.connect, path, check_same_thread=False)
    capabilities = AsyncSqliteStorage.capabilities
    async with AsyncBackend(f"sqlite:///{path}", capabilities, connect=connect, prefix="everfold_") as backend:
        yield backend
