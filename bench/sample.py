"""What is written and read: an order line of about 230 bytes of JSON, the same for every contestant."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import everfold as ef

orders = ef.Module("orders")

CORRELATION = "0192f1c4-7b1e-7c3a-9d52-3f6a1b2c4d5e"
PLACED_AT = datetime(2026, 5, 27, 14, 30, tzinfo=timezone.utc)
LOG_EVENTS = 100_000
LOG_STREAM_EVENTS = 14
STREAM_EVENTS = 100
COMMAND_EVENTS = 10


@orders.event("order_line_added")
@dataclass(frozen=True, slots=True)
class OrderLineAdded:
    order_id: str
    line: int
    product: str
    description: str
    quantity: int
    unit_price: Decimal
    currency: str
    warehouse: str
    placed_at: datetime


LINE = OrderLineAdded(
    order_id="order-4711",
    line=1,
    product="SKU-0815-BLUE-XL",
    description="Merino wool sweater, blue, extra large",
    quantity=2,
    unit_price=Decimal("129.90"),
    currency="EUR",
    warehouse="AMS-3",
    placed_at=PLACED_AT,
)


def line(number: int) -> OrderLineAdded:
    return replace(LINE, line=number)


def plain(number: int) -> dict[str, Any]:
    """The same as plain data, for contestants that take JSON."""
    return {
        "order_id": LINE.order_id,
        "line": number,
        "product": LINE.product,
        "description": LINE.description,
        "quantity": LINE.quantity,
        "unit_price": str(LINE.unit_price),
        "currency": LINE.currency,
        "warehouse": LINE.warehouse,
        "placed_at": "2026-05-27T14:30:00Z",
    }


def plain_json(number: int) -> str:
    return json.dumps(plain(number), separators=(",", ":"))


METADATA_JSON = json.dumps({"correlation_id": CORRELATION}, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Total:
    """What a stream of lines folds to."""

    lines: int = 0
    amount: Decimal = Decimal(0)


def evolve(state: Total, event: OrderLineAdded) -> Total:
    return Total(state.lines + 1, state.amount + event.quantity * event.unit_price)


def decide(command: int, state: Total) -> OrderLineAdded:
    return line(state.lines + command)


order = ef.Decider(initial_state=Total, evolve=evolve, decide=decide)
