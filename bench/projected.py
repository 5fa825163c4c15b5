"""What is projected: order lines of a thousand products, the same log and the same read model for every contestant."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .sample import LINE, LOG_STREAM_EVENTS, OrderLineAdded

EVENTS = 100_000
PEER_EVENTS = 4_000
"""One transaction an event is some 40 times slower: a rate shows after fewer of them."""

PRODUCTS = 1_000
LINES_PER_ORDER = 10
BATCH = 2_000
"""Events a transaction, for everybody who can batch."""

APPENDED = 70
"""Streams of one append."""


def product(number: int) -> str:
    return f"SKU-{number % PRODUCTS:04}"


def sold(number: int) -> OrderLineAdded:
    """The line of that number. Orders have ten lines, so a million of them make 100,000 orders."""
    return replace(LINE, order_id=f"order-{number // LINES_PER_ORDER}", product=product(number), line=number)


def streams(events: int) -> Iterator[tuple[str, list[OrderLineAdded]]]:
    """A log of so many events, as streams of fourteen."""
    for first in range(0, events, LOG_STREAM_EVENTS):
        yield (
            f"log-{first // LOG_STREAM_EVENTS}",
            [sold(n) for n in range(first, min(first + LOG_STREAM_EVENTS, events))],
        )


def batches(events: int) -> Iterator[list[tuple[str, list[OrderLineAdded]]]]:
    """The same, in appends."""
    log = streams(events)
    while batch := list(itertools.islice(log, APPENDED)):
        yield batch


def peak_memory() -> int:
    """Bytes that this process held at most. Its own: `ru_maxrss` begins with those of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
