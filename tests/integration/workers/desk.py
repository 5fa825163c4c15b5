"""A worker's process: `python -m tests.integration.workers.desk URL`; says `running` when it holds its first lease."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

import everfold as ef

PARTITIONS = 4
LEASE_SECONDS = 2.0

desk = ef.Module("desk")


@desk.event("arrived")
@dataclass(frozen=True)
class Arrived:
    guest: str


stays = ef.DocumentProjection("stays", partitions=PARTITIONS)


@stays.on(Arrived)
def arrived(document, event, recorded):
    return {"guests": [*(document or {"guests": []})["guests"], event.guest]}


arrivals = ef.TableProjection("arrivals", columns={"guest": ef.Text, "times": ef.Integer}, key=["guest"])
arrivals.on(Arrived).increment(times=1).at(guest="guest")

desk.add(stays, arrivals)


def main(url: str) -> None:
    with ef.EventStore.open(url, desk) as store:
        worker = ef.Worker(store, lease_seconds=LEASE_SECONDS)
        running = threading.Event()

        def watch() -> None:
            while not any(status.owner == worker.owner for status in store.projections().status()):
                running.wait(0.02)
            print("running", flush=True)

        threading.Thread(target=watch, daemon=True).start()
        worker.run()
    print("drained", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
