"""The OpenTelemetry trace that is active, as event metadata. Costs a dictionary lookup when it isn't in use."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["current_trace"]


def current_trace() -> dict[str, Any]:
    """`traceparent` (W3C), and the trace and span as correlation and causation; empty without an active span.

    OpenTelemetry is never imported from here: an application that traces has imported it.
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return {}
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    trace_id, span_id = f"{span.trace_id:032x}", f"{span.span_id:016x}"
    return {
        "correlation_id": trace_id,
        "causation_id": span_id,
        "traceparent": f"00-{trace_id}-{span_id}-{int(span.trace_flags):02x}",
    }
