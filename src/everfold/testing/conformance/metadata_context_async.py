"""Metadata: what the caller gives, what the surroundings say, and the trace that is active."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import everfold as ef

from ..racing import race_async
from .domain import Add, Noted, tally
from .reading_async import log_of


async def appended(store: ef.AsyncEventStore, **metadata: Any) -> dict[str, Any]:
    """The stored metadata of one event appended with this metadata."""
    await store.append("stay-1", [Noted()], expected_version=ef.ANY, metadata=metadata)
    return (await log_of(store))[-1].metadata


class MetadataContext:
    async def test_metadata_of_the_append_is_on_each_of_its_events(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted(), Noted()], expected_version=0, metadata={"actor": "anna"})
        assert [e.metadata for e in await log_of(store)] == [{"actor": "anna"}] * 2

    async def test_the_surrounding_context_is_on_each_event(self, store: ef.AsyncEventStore) -> None:
        with ef.context(correlation_id="c-1", actor="anna"):
            assert await appended(store) == {"correlation_id": "c-1", "actor": "anna"}
        assert await appended(store) == {}

    async def test_an_inner_context_adds_to_the_outer_and_wins(self, store: ef.AsyncEventStore) -> None:
        with ef.context(correlation_id="c-1", actor="anna"):
            with ef.context(actor="bert", causation_id="k-1"):
                inner = await appended(store)
            outer = await appended(store)
        assert inner == {"correlation_id": "c-1", "actor": "bert", "causation_id": "k-1"}
        assert outer == {"correlation_id": "c-1", "actor": "anna"}

    async def test_none_takes_a_key_of_the_outer_context_away(self, store: ef.AsyncEventStore) -> None:
        with ef.context(correlation_id="c-1", actor="anna"), ef.context(actor=None):
            assert await appended(store) == {"correlation_id": "c-1"}

    async def test_the_append_wins_over_the_context_and_the_event_over_the_append(
        self, store: ef.AsyncEventStore
    ) -> None:
        own = ef.NewEvent(Noted(), metadata={"actor": "event"})
        with ef.context(actor="context", correlation_id="c-1"):
            await store.append("stay-1", [own, Noted()], expected_version=0, metadata={"actor": "append", "k": 1})
        first, second = await log_of(store)
        assert first.metadata == {"actor": "event", "correlation_id": "c-1", "k": 1}
        assert second.metadata == {"actor": "append", "correlation_id": "c-1", "k": 1}

    async def test_an_error_inside_a_context_ends_it(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ZeroDivisionError), ef.context(actor="anna"):
            raise ZeroDivisionError
        assert await appended(store) == {}

    async def test_racers_have_contexts_of_their_own(self, store: ef.AsyncEventStore) -> None:
        async def racer(number: int) -> None:
            with ef.context(actor=f"actor-{number}"):
                for _ in range(5):
                    await store.append(f"stay-{number}", [Noted()], expected_version=ef.ANY)

        await race_async([partial(racer, number) for number in range(4)])
        events = await log_of(store)
        assert len(events) == 20
        assert [e.metadata["actor"] for e in events] == [f"actor-{str(e.stream)[-1]}" for e in events]

    async def test_every_way_of_writing_carries_the_context(self, store: ef.AsyncEventStore) -> None:
        with ef.context(actor="anna"):
            async with store.unit() as unit:
                unit.append("stay-1", [Noted()], expected_version=0)
            await store.append_if([Noted()], ef.AppendCondition(ef.Query(tags=["none"])))
            await store.decide("tally-1", tally, Add())
            await store.decide_over(ef.Query(tags=["none"]), tally, Add())
            await store.close_and_open("stay-1", [Noted()], "stay-2", [Noted()])
        assert [e.metadata for e in await log_of(store)] == [{"actor": "anna"}] * 6

    async def test_metadata_comes_back_as_it_was_given(self, store: ef.AsyncEventStore) -> None:
        given = {"text": "ä😀\"'", "number": 1, "float": 1.5, "null": None, "list": [1, [2]], "map": {"a": {"b": True}}}
        assert await appended(store, **given) == given

    async def test_the_active_trace_is_captured(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 10."""
        with tracer().start_as_current_span("check-in") as span:
            metadata = await appended(store)
        context = span.get_span_context()
        trace, own = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        flags = f"{int(context.trace_flags):02x}"
        assert metadata == {"correlation_id": trace, "causation_id": own, "traceparent": f"00-{trace}-{own}-{flags}"}

    async def test_an_explicit_value_wins_over_the_trace(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 10."""
        with tracer().start_as_current_span("check-in"), ef.context(causation_id="order-1"):
            metadata = await appended(store, correlation_id="c-1")
        assert (metadata["correlation_id"], metadata["causation_id"]) == ("c-1", "order-1")
        assert metadata["traceparent"].startswith("00-")

    async def test_without_a_span_nothing_is_captured(self, store: ef.AsyncEventStore) -> None:
        tracer()
        assert await appended(store) == {}


def tracer() -> Any:
    """A tracer of the real SDK, which exports nothing."""
    from opentelemetry.sdk.trace import TracerProvider

    return TracerProvider().get_tracer("conformance")
