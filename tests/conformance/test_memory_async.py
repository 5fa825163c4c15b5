"""The memory backend, enrolled."""

from __future__ import annotations

import pytest

from everfold.storage.memory.store_async import AsyncMemoryStorage
from everfold.testing.conformance.backend_async import AsyncBackend
from everfold.testing.conformance.suite_async import cases

globals().update(cases(AsyncMemoryStorage.capabilities))


@pytest.fixture
async def backend():
    async with AsyncBackend("memory://", AsyncMemoryStorage.capabilities) as backend:
        yield backend
