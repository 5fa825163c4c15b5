"""Every bound in one place, each with its reason. A store takes its own `Limits`; constants are the library's."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .errors import ConfigurationError, LimitExceededError

__all__ = ["Limits"]

POSITION_MAX = 2**63 - 1
"""Versions and positions are 64-bit integers in every database."""

STREAM_NAME_CHARACTERS_MAX = 255
"""Four bytes a character at most, so a name and its tenant stay well inside a PostgreSQL index entry (2,704 bytes)."""

TENANT_CHARACTERS_MAX = 100
TYPE_NAME_CHARACTERS_MAX = 100
TAG_CHARACTERS_MAX = 255
TAGS_PER_EVENT_MAX = 32
"""Each tag is an index entry and, while the append is open, a lock."""

QUERY_ITEMS_MAX = 100
"""More alternatives than this make one statement slower than several reads."""

PAGE_EVENTS = 1000
"""Rows a read fetches at once; 500–1,000 measured best (reference: storage experiments, section A)."""

PAGE_BYTES = 8 * 1024 * 1024
"""Payload bytes a page aims at, so that a log of large events doesn't sit in memory a thousand at a time."""

PAGE_EVENTS_FIRST = 200
"""The first page of a stream read: most streams are short, and a short page answers sooner."""

SCAN_POSITIONS = 50_000
"""Positions that a filtered read looks at in one statement, so that a rare type never means one endless statement."""

GROUP_COMMIT_UNITS_MAX = 256
"""Units in one group commit: past this the transaction only gets longer, not cheaper a unit."""

GROUP_COMMIT_BYTES_MAX = 8 * 1024 * 1024

VALUE_CODECS = 256
"""Codecs of snapshot states kept ready, one a class."""

NAME_CACHE_ENTRIES = 100_000
"""Stream names kept by id: about 15 MB."""

TAG_LOCKS_MAX = 256
"""Distinct tags locked one by one in a transaction; above it one table lock stands for all (PostgreSQL's lock table is small)."""

POLL_SECONDS_MIN = 0.003
POLL_SECONDS_MAX = 0.050
"""Polling is the truth of a subscription; it backs off between these two while nothing comes."""

SUBSCRIPTION_LOOK_SECONDS = 1.0
"""A waiting subscription looks by itself this often, should the storage's own tracker have died."""

NOTIFY_SECONDS_MIN = 0.010
"""A process sends at most one wake-up in this time; one per append costs two thirds of the throughput."""

DECIDE_ATTEMPTS_MAX = 10
"""Decisions on a conflict before the conflict is the caller's to handle."""

SNAPSHOT_BYTES_MAX = 16 * 1024 * 1024

STREAM_LIST_MAX = 1000

PROJECTION_NAME_CHARACTERS_MAX = 40
"""It is part of table, view and index names, and PostgreSQL cuts those after 63 bytes."""

PROJECTION_VERSION_MAX = 99_999

CONSUMER_PARTITIONS_MAX = 64
"""Each reads the log by itself: more parts than cores only cost."""

CONSUMER_BATCH_EVENTS = 2000
"""Events in a consumer's transaction: 1,000 to 5,000 measured best, and a smaller one is repeated sooner."""

CONSUMER_SPAN_POSITIONS = 50_000
"""Positions that one statement projects inside the database: long enough to pay, short enough to be undone and watched."""

CONSUMER_SPAN_BEHIND = 4000
"""A declared table that is further behind than this is projected inside the database."""

LEASE_SECONDS = 10.0
"""A dead worker's consumers stand still for at most this long. It is fenced all the same: a lease only saves work."""

LEASE_LOOK_SECONDS = 1.0
"""A worker renews its leases and looks for other workers this often, so that one that joins has its share within two such."""

IDLE_MOVE_SECONDS = 0.02
"""A consumer that none of the new events concern moves its checkpoint at most this often."""

DOCUMENT_BYTES_MAX = 1024 * 1024
DOCUMENT_KEY_CHARACTERS_MAX = 255
DOCUMENT_CACHE_BYTES = 16 * 1024 * 1024
"""Documents that a consumer keeps from batch to batch, as their bytes."""

LETTERS_AT_ONCE = 500
"""Dead letters of one key that a retry handles in one transaction."""

FAULT_TEXT_CHARACTERS_MAX = 8000
"""Of an error's text and traceback, kept with a stopped consumer or a dead letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one store accepts. Bytes are of the encoded form. `EventStore.open(..., limits=Limits(...))`."""

    event_bytes: int = 1024 * 1024
    """One event's payload. Larger things belong in a blob store, with their address and digest in the event."""

    metadata_bytes: int = 64 * 1024
    append_events: int = 10_000
    """Events of one append or unit: it is one transaction, and holds readers of later events until it commits."""

    append_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        bad = [f.name for f in fields(self) if getattr(self, f.name) < 1]
        if bad:
            raise ConfigurationError(f"limits must be at least 1: {', '.join(bad)}")

    def check_append(self, events: int, size: int) -> None:
        """Raise LimitExceededError when one transaction would hold more events or bytes than allowed."""
        advice = "Append in several steps: each is one transaction. Store large content elsewhere."
        if events > self.append_events:
            raise LimitExceededError("events of one append", events, self.append_events, advice)
        if size > self.append_bytes:
            raise LimitExceededError("bytes of one append", size, self.append_bytes, advice)
