"""Workers: they feed the read models from the log, in a thread beside whatever else goes on, with a store of their own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import everfold as ef

from .events import flights
from .projections import read_models

__all__ = ["caught_up", "deployed", "worker"]


def deployed(store: ef.EventStore) -> tuple[int, ...]:
    """Which versions of the punctuality table stand in the store: what the worker that ran last was made for."""
    builds = [build for build in store.projections().status() if build.name == "punctuality"]
    return tuple(sorted({build.version for build in builds})) or (1,)


@contextmanager
def worker(url: str, *versions: int) -> Iterator[ef.EventStore]:
    """While inside, a worker feeds every read model; the store is for reading them. Raises what ended it."""
    with ef.EventStore.open(url, flights, read_models(*versions)) as store, ThreadPoolExecutor(1) as thread:
        feeding = ef.Worker(store)
        running = thread.submit(feeding.run)
        try:
            yield store
        finally:
            feeding.stop()
        running.result()


@contextmanager
def caught_up(url: str) -> Iterator[ef.EventStore]:
    """A store whose read models hold everything that the log holds now. Raises SchemaError where there is no store."""
    with ef.EventStore.open(url, flights, migrate="never") as store:
        versions = deployed(store)
    with ef.EventStore.open(url, flights, read_models(*versions), migrate="never") as store:
        ef.Worker(store).run_until_caught_up()
        yield store
