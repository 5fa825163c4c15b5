"""What crosses the port for consumers: checkpoints, leases, builds of read models, dead letters. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from .read_model import Target

__all__ = ["BuildRow", "ConsumerKey", "ConsumerRow", "Letter", "LetterRow", "Move"]

ConsumerKey = tuple[str, int]
"""(name, partition): partition 0 of 1 for a consumer that is not split."""


class ConsumerRow(msgspec.Struct, frozen=True):
    """Where a consumer's partition stands, and who feeds it.

    The checkpoint is (`position`, `event_id`, `epoch`): everything up to `position` is in; `event_id` is that of the event
    at `position` (None when none of the tenant's events stands there), `epoch` the store's identity. `token` grows with
    every change of owner. `status`: "running", "paused" (by an operator) or "stopped" (by a fault, which `fault` holds
    as JSON). `letters` grows whenever a dead letter of the consumer is parked or settled, and with every other hand that
    was laid on its read model. Times in microseconds since 1970 UTC; 0: never.
    """

    name: str
    partition: int = 0
    partitions: int = 1
    position: int = 0
    event_id: bytes | None = None
    epoch: bytes = b""
    token: int = 0
    owner: str | None = None
    lease_until: int = 0
    status: str = "running"
    fault: bytes | None = None
    letters: int = 0
    events: int = 0
    moved_at: int = 0

    @property
    def key(self) -> ConsumerKey:
        """(name, partition)."""
        return self.name, self.partition


class Move(msgspec.Struct, frozen=True):
    """A checkpoint's compare-and-set: applied only while the row has exactly `token`, `since` and `letters`, and runs.

    `event_id` None: the storage looks the id up. `events` is added to the row's count. `parked`: dead letters are parked
    in the same transaction, so `letters` becomes one more. `renew_seconds` prolongs the lease.
    """

    name: str
    partition: int
    token: int
    since: int
    position: int
    letters: int
    event_id: bytes | None = None
    events: int = 0
    parked: bool = False
    renew_seconds: float = 0.0


class BuildRow(msgspec.Struct, frozen=True):
    """One build of a projection, and where it stands in its life.

    `state`: registered, building, verifying, standby, active, retiring, dropped or failed. `timing`: inline, catch_up or
    live. `fed`: "consumer" (from the log), "sweep" (inline for the streams whose document is up to date already) or
    "inline". `definition` is JSON: the shape, for readers without the code. `code` tells when its code changed.
    `previous`: the build that it replaced, for the way back. `epoch` grows with every switch of the projection.
    `head`: where the log ended when the build began. Times in microseconds since 1970 UTC.
    """

    target: Target
    state: str
    timing: str
    fed: str
    code: str
    definition: bytes
    head: int = 0
    epoch: int = 0
    previous: Target | None = None
    verified: bytes | None = None
    """What the last verification found, as JSON, with the code and the position it was of."""
    created_at: int = 0
    changed_at: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """An event to park. `lane` is what it is parked under: later events of the same lane are parked behind it."""

    consumer: str
    partition: int
    lane: str
    position: int
    event_id: bytes
    event_type: str
    stream: str | None
    error: bytes
    """JSON: type, message, traceback. Of an event parked behind another one: "{}"."""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class LetterRow:
    """A letter as stored. `state`: "parked", "done" (handled after all) or "skipped"; then by whom, and why."""

    id: int
    letter: Letter
    state: str
    parked_at: int
    settled_at: int = 0
    actor: str | None = None
    reason: str | None = None
