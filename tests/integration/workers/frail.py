"""A worker's process that is made to be killed: `python -m tests.integration.workers.frail URL`.

Its batches are small and its leases short; it says `running` when it has applied an event.
"""

from __future__ import annotations

import sys

import everfold as ef
from everfold import limits

from .desk import desk

LEASE_SECONDS = 0.3


def main(url: str) -> None:
    limits.CONSUMER_BATCH_EVENTS = 2
    telling = ef.HandlerProjection("telling")
    said: list[bool] = []

    @telling.on()
    def _(transaction, recorded):
        if not said:
            said.append(True)
            print("running", flush=True)

    desk.add(telling)
    with ef.EventStore.open(url, desk) as store:
        ef.Worker(store, lease_seconds=LEASE_SECONDS).run()


if __name__ == "__main__":
    main(sys.argv[1])
