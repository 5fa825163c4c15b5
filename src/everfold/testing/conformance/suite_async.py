"""Every case class of the suite, chosen by what a backend declares."""

from __future__ import annotations

import pytest

import everfold as ef

from ...storage.port_async import AsyncStorage
from ...storage.unit import Capabilities
from .append_batches_async import AppendBatches
from .append_conditions_async import AppendConditions
from .append_expectations_async import AppendExpectations
from .append_idempotence_async import AppendIdempotence
from .append_versions_async import AppendVersions
from .application_sql_async import SqlConditions, WithoutSql
from .backend_async import AsyncBackend
from .builds_async import ActiveTargets, Builds, Targets
from .changed_rows_async import ChangedRows, ColumnValues
from .checkpoints_async import Consumers, Moves
from .close_and_open_async import CloseAndOpen
from .codec_errors_async import CodecErrors
from .crashes_async import Crashes
from .dead_letters_async import DeadLetters
from .decide_over_async import DecideOver
from .deciders_async import Deciders
from .horizon_async import Horizon, HorizonBehindOpenAppends
from .immutability_async import Immutability
from .joined_transactions_async import JoinedTransactions
from .joins_async import Joins, WithoutJoins
from .leases_async import Leases
from .limits_async import EveryLimit
from .lost_reply_async import LostReply
from .metadata_context_async import MetadataContext
from .names_async import Names
from .needs import fitting
from .nested_transactions_async import NestedTransactions
from .pages_async import Orders, Pages
from .partitions_async import Identity, Partitions, StreamLocks
from .payloads_async import Payloads
from .projections_crashes_async import ProjectionCrashes
from .projections_life_async import ChangedCode, Checkpoints, ProjectionLife, Rebuilds
from .projections_policies_async import ParkedEvents, RetriedProjections, StoppedProjections
from .projections_races_async import ProjectionRaces
from .projections_timings_async import InlineProjections, Timings
from .races_async import Races
from .read_all_filters_async import ReadAllFilters
from .read_stream_async import ReadStream
from .selections_async import Conditions
from .shutdown_async import Shutdown
from .snapshots_async import StoredSnapshots
from .state_cache_async import CachedStates
from .stored_documents_async import StoredDocuments
from .stream_listing_async import StreamListing
from .subscriptions_async import Subscriptions
from .tenancy_async import Tenancy
from .time_travel_async import TimeTravel
from .tombstone_async import Tombstone
from .transactions_async import Transactions
from .truncate_async import Truncate
from .unit_atomicity_async import UnitAtomicity
from .wakeup_loss_async import WakeupLoss

__all__ = ["CASES", "cases"]

CASES = (
    ActiveTargets,
    AppendBatches,
    AppendConditions,
    AppendExpectations,
    AppendIdempotence,
    AppendVersions,
    Builds,
    CachedStates,
    ChangedCode,
    ChangedRows,
    Checkpoints,
    CloseAndOpen,
    CodecErrors,
    ColumnValues,
    Conditions,
    Consumers,
    Crashes,
    DeadLetters,
    DecideOver,
    Deciders,
    EveryLimit,
    Horizon,
    HorizonBehindOpenAppends,
    Identity,
    Immutability,
    InlineProjections,
    JoinedTransactions,
    Joins,
    Leases,
    LostReply,
    MetadataContext,
    Moves,
    Names,
    NestedTransactions,
    Orders,
    Pages,
    ParkedEvents,
    Partitions,
    Payloads,
    ProjectionCrashes,
    ProjectionLife,
    ProjectionRaces,
    Races,
    ReadAllFilters,
    ReadStream,
    Rebuilds,
    RetriedProjections,
    Shutdown,
    SqlConditions,
    StoppedProjections,
    StoredDocuments,
    StoredSnapshots,
    StreamListing,
    StreamLocks,
    Subscriptions,
    Targets,
    Tenancy,
    TimeTravel,
    Timings,
    Tombstone,
    Transactions,
    Truncate,
    UnitAtomicity,
    WakeupLoss,
    WithoutJoins,
    WithoutSql,
)


@pytest.fixture(name="store")
async def open_store(backend: AsyncBackend) -> ef.AsyncEventStore:
    """The store that most cases need one of."""
    return await backend.open()


@pytest.fixture(name="storage")
async def open_storage(store: ef.AsyncEventStore) -> AsyncStorage:
    """Its port, for the cases that speak to the backend itself."""
    return store.storage


def cases(capabilities: Capabilities) -> dict[str, object]:
    """What an enrolling test module takes into its globals, beside its own fixture `backend`."""
    return {**fitting(CASES, capabilities), "store": open_store, "storage": open_storage}
