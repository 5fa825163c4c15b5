"""Every case class of the suite, chosen by what a backend declares."""

from __future__ import annotations

import pytest

import everfold as ef

from ...storage.unit import Capabilities
from .append_batches_async import AppendBatches
from .append_conditions_async import AppendConditions
from .append_expectations_async import AppendExpectations
from .append_idempotence_async import AppendIdempotence
from .append_versions_async import AppendVersions
from .backend_async import AsyncBackend
from .joins_async import Joins, WithoutJoins
from .needs import fitting
from .read_all_filters_async import ReadAllFilters
from .read_stream_async import ReadStream
from .stream_listing_async import StreamListing
from .unit_atomicity_async import UnitAtomicity

__all__ = ["CASES", "cases"]

CASES = (
    AppendBatches,
    AppendConditions,
    AppendExpectations,
    AppendIdempotence,
    AppendVersions,
    Joins,
    ReadAllFilters,
    ReadStream,
    StreamListing,
    UnitAtomicity,
    WithoutJoins,
)


@pytest.fixture(name="store")
async def open_store(backend: AsyncBackend) -> ef.AsyncEventStore:
    """The store that most cases need one of."""
    return await backend.open()


def cases(capabilities: Capabilities) -> dict[str, object]:
    """What an enrolling test module takes into its globals, beside its own fixture `backend`."""
    return {**fitting(CASES, capabilities), "store": open_store}
