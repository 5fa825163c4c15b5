"""From the driver's errors to everfold's: the one place that reads SQLSTATEs.

What the server answered is known: the transaction was rolled back, nothing was written. When the connection was lost
while a commit was under way nothing is known, and the caller is told so. Messages never hold a password or a value.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import psycopg

from ...errors import (
    AppendConditionFailedError,
    CommitUnknownError,
    ConfigurationError,
    EventIdReusedError,
    EverfoldError,
    SchemaError,
    StatementError,
    StorageError,
    StorageUnavailableError,
    StreamArchivedError,
    StreamTombstonedError,
    WrongExpectedVersionError,
)
from ...events.expected import expectation_of
from ..repetition import ids_of
from ..unit import Unit

__all__ = [
    "MIGRATE_COMMAND",
    "connection_lost",
    "create_refused",
    "missing_table",
    "needs_dropping",
    "refused",
    "retryable",
    "second_active",
    "stale_plan",
    "stream_closed",
    "translate",
    "translate_rows",
    "translate_statement",
    "view_in_use",
]

MIGRATE_COMMAND = "everfold --db URL migrate"

REGISTER_COMMAND = "everfold --db URL projections register"

_REFUSALS = {"EV001", "EV002", "EV003", "EV004"}
"""Raised by the append functions for units that may still turn out to be repetitions."""

_UNIQUE_ID = "event_id_unique"
_ONE_ACTIVE = "projection_build_active"
_PROTOCOL_VIOLATION = "08P01"
_RETRYABLE = {"40001", "40P01", "55P03"}
_SCHEMA_MISSING = {"3F000", "42P01", "42883", "42703"}
_ADVICE = {
    "25006": "the server takes no writes (a standby, or default_transaction_read_only); connect to the primary, "
    "for example with target_session_attrs=read-write",
    "25P02": "the caller's transaction has failed already; roll it back first",
    "28000": "the server refuses this user from this host (pg_hba.conf)",
    "53100": "the server's disk is full",
    "53300": "the server has no connection left; lower pool_size, or raise max_connections",
    "55P03": "another transaction held a lock for too long",
    "57014": "the statement was cancelled (statement_timeout, or an administrator)",
}


def translate(error: psycopg.Error, unit: Unit | None = None) -> EverfoldError:
    """The error to raise. `unit`: what was being committed, None for reads and for what was not sent yet."""
    state = error.sqlstate or ""
    if state.startswith("EV") and unit is not None:
        return _refusal(error, state, unit)
    if state == "23505" and error.diag.constraint_name == _UNIQUE_ID and unit is not None:
        return EventIdReusedError([UUID(bytes=bytes(i)) for i in ids_of(unit)])
    if connection_lost(error):
        return _cut_off(_reason(error), unit)
    if state in _SCHEMA_MISSING:
        return SchemaError(f"the store's schema is missing or outdated ({_reason(error)}). Run: {MIGRATE_COMMAND}")
    if state == "42501":
        return ConfigurationError(
            f"the database role may not do this ({_reason(error)}); grant it everfold_writer or everfold_reader"
        )
    if _passing(error, state):
        advice = f": {_ADVICE[state]}" if state in _ADVICE else ""
        return StorageUnavailableError(f"{_reason(error)}{advice}; nothing was written")
    return StorageError(f"PostgreSQL refused ({state or type(error).__name__}): {_reason(error)}; nothing was written")


def translate_statement(error: psycopg.Error) -> EverfoldError:
    """The error of a statement of the application's, or on a table of its shape: what it says itself can be wrong."""
    state = error.sqlstate or ""
    if state == _PROTOCOL_VIOLATION:
        return StatementError(_reason(error))  # a `$1` of its own, which no parameter is for
    if connection_lost(error) or (_passing(error, state) and not state.startswith("54")):
        return translate(error)
    return StatementError(_reason(error))


def translate_rows(error: psycopg.Error) -> EverfoldError:
    """The error of a write to a read model: a right that is missing says nothing about the event."""
    return translate(error) if error.sqlstate == "42501" else translate_statement(error)


def create_refused(error: psycopg.Error) -> SchemaError | None:
    """For a role that may not make tables: who may, and how. None for anything else."""
    if error.sqlstate != "42501":
        return None
    return SchemaError(
        f"the database role may not make a read model's table ({_reason(error)}). "
        f"As the owner of the schema, run: {REGISTER_COMMAND}"
    )


def stale_plan(error: psycopg.Error) -> bool:
    """Whether a statement was prepared before its table changed. Its session keeps that plan."""
    return error.sqlstate == "0A000" and error.diag.source_function == "RevalidateCachedQuery"


def missing_table(error: psycopg.Error) -> bool:
    """Whether a relation that the statement names is not there."""
    return error.sqlstate == "42P01"


def needs_dropping(error: psycopg.Error) -> bool:
    """Whether a view's new columns can't take the place of the old ones."""
    return error.sqlstate == "42P16"


def view_in_use(error: psycopg.Error) -> bool:
    """Whether other objects stand on what was to be dropped."""
    return error.sqlstate == "2BP01"


def second_active(error: psycopg.Error) -> bool:
    """Whether a projection would have two active builds."""
    return error.sqlstate == "23505" and error.diag.constraint_name == _ONE_ACTIVE


def _passing(error: psycopg.Error, state: str) -> bool:
    """Whether it lies in the server's state rather than in the statement."""
    known = state in _RETRYABLE or state in _ADVICE or state[:2] in ("53", "57", "28")
    return known or stale_plan(error) or isinstance(error, psycopg.OperationalError)


def refused(error: psycopg.Error) -> bool:
    """Whether the append was judged and refused, by a function or by the unique index over event ids."""
    return error.sqlstate in _REFUSALS or (error.sqlstate == "23505" and error.diag.constraint_name == _UNIQUE_ID)


def _cut_off(reason: str, unit: Unit | None) -> EverfoldError:
    if unit is not None:
        return CommitUnknownError(f"the connection was lost before the reply ({reason})")
    return StorageUnavailableError(f"the connection to PostgreSQL was lost ({reason}); a retry may help")


def connection_lost(error: psycopg.Error) -> bool:
    """Whether the session is gone. A server that ends it may have committed before: it says so after the commit too."""
    state = error.sqlstate or ""
    ended = state[:2] == "08" or state in ("57P01", "57P02", "57P05", "25P03")
    return ended or (not state and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)))


def retryable(error: psycopg.Error) -> bool:
    """Whether the transaction was a deadlock's or a serialization failure's victim: it was rolled back, and may be repeated."""
    return error.sqlstate in ("40001", "40P01")


def stream_closed(stream: str, status: str) -> EverfoldError:
    """The error of a stream that is not open."""
    return (StreamTombstonedError if status == "tombstoned" else StreamArchivedError)(stream)


def _refusal(error: psycopg.Error, state: str, unit: Unit) -> EverfoldError:
    detail: dict[str, Any] = msgspec.json.decode(error.diag.message_detail or "{}")
    match state:
        case "EV001":
            return WrongExpectedVersionError(detail["stream"], expectation_of(detail["expected"]), detail["actual"])
        case "EV002":
            return stream_closed(detail["stream"], detail["status"])
        case "EV003":
            condition = unit.conditions[detail["condition"]]
            return AppendConditionFailedError(condition.query, condition.after, detail["position"])
        case "EV004":
            return EventIdReusedError([UUID(bytes=bytes(i)) for i in ids_of(unit)])
        case "EV005":
            return ConfigurationError(
                f"stream {detail['stream']!r} is at version {detail['actual']}: truncate before {detail['actual'] + 1} "
                f"at most, not {detail['truncate_before']}; nothing was changed"
            )
    return ConfigurationError(f"{_reason(error)}; nothing was written")


def _reason(error: psycopg.Error) -> str:
    """The driver's or the server's first line; the detail may quote values, so it is left out."""
    text = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(text.split())
