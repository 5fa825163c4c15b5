"""The promises of a store as test cases, written once and run by every backend.

A storage author enrols a backend with a test module of a few lines:

    globals().update(cases(SqliteStorage.capabilities))

    @pytest.fixture
    def backend(tmp_path):
        with Backend(f"sqlite:///{tmp_path}/store.db", SqliteStorage.capabilities) as backend:
            yield backend

`cases` comes from `.suite` (threads) or `.suite_async` (tasks), `Backend` from `.backend`, `AsyncBackend` from
`.backend_async`. What a backend can't do it declares in its `Capabilities`; the cases that need it are then left out
when the module is collected, and those that tell the difference are put in.
"""

from __future__ import annotations

import pkgutil

import pytest

pytest.register_assert_rewrite(*(f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)))
