"""Older schema versions reach the current one step by step, on plain data, on the one decode path."""

from __future__ import annotations

from decimal import Decimal

import pytest

from everfold.codec.registry import Registry
from everfold.errors import UndecodableEventError, UpcastError
from everfold.module import Module


def registry_of(cls, *, version, aliases=(), **upcasters) -> Registry:
    module = Module("hotel")
    module.event("charged", version=version, aliases=aliases)(cls)
    for name, function in upcasters.items():
        module.upcast("charged", from_version=int(name[1:]))(function)
    return Registry.of([module])


def to_2(data):
    return {"amount": str(data["cents"] / 100), "steps": [1]}


def to_3(data):
    data["steps"].append(2)
    return data


@pytest.fixture
def registry(make_class):
    return registry_of(
        make_class("Charged", amount=Decimal, steps=list[int]), version=3, aliases=["paid"], v1=to_2, v2=to_3
    )


@pytest.mark.parametrize(
    ("version", "data", "steps"),
    [
        (1, b'{"cents":150}', [1, 2]),
        (2, b'{"amount":"1.5","steps":[]}', [2]),
        (3, b'{"amount":"1.5","steps":[]}', []),
    ],
)
@pytest.mark.parametrize("name", ["charged", "paid"])
def test_every_version_runs_the_steps_from_its_own_up(registry, name, version, data, steps):
    event = registry.decode(name, version, data, 1)
    assert (event.amount, event.steps) == (Decimal("1.5"), steps)


def test_stored_fields_that_the_class_dropped_reach_the_upcaster(make_class):
    registry = registry_of(
        make_class("Charged", total=int), version=2, v1=lambda data: {"total": data["a"] + data["b"]}
    )
    assert registry.decode("charged", 1, b'{"a":1,"b":2}', 1).total == 3


def test_an_upcaster_may_return_typed_values(make_class):
    registry = registry_of(make_class("Charged", amount=Decimal), version=2, v1=lambda _: {"amount": Decimal("1.50")})
    assert registry.decode("charged", 1, b"{}", 1).amount == Decimal("1.50")


def failing(_):
    raise KeyError("hunter2")


def test_an_upcaster_that_raises_is_named_with_its_error_as_the_cause(make_class):
    registry = registry_of(make_class("Charged", total=int), version=3, v1=dict, v2=failing)
    with pytest.raises(UpcastError, match="from schema version 2 failed at position 9: it raised KeyError") as caught:
        registry.decode("charged", 1, b"{}", 9)
    error = caught.value
    assert (error.type_name, error.from_version, error.position) == ("charged", 2, 9)
    assert isinstance(error.__cause__, KeyError)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(("returned", "word"), [(None, "nothing"), ([], "list"), ("x", "str")])
def test_an_upcaster_that_returns_no_dict_is_named(make_class, returned, word):
    registry = registry_of(make_class("Charged", total=int), version=2, v1=lambda _: returned)
    with pytest.raises(UpcastError, match=f"it returned .*{word}"):
        registry.decode("charged", 1, b"{}", 9)


def test_data_that_does_not_fit_after_upcasting_says_that_it_was_upcast(make_class):
    registry = registry_of(make_class("Charged", total=int), version=2, v1=lambda _: {"total": "x"})
    with pytest.raises(UndecodableEventError, match="after upcasting to version 2, field 'total'") as caught:
        registry.decode("charged", 1, b"{}", 9)
    assert (caught.value.schema_version, caught.value.position) == (1, 9)


def test_data_that_is_not_plain_after_upcasting_is_undecodable(make_class):
    registry = registry_of(make_class("Charged", total=int), version=2, v1=lambda _: {"total": object()})
    with pytest.raises(UndecodableEventError, match="after upcasting to version 2"):
        registry.decode("charged", 1, b"{}", 9)


def test_only_an_object_can_be_upcast(make_class):
    registry = registry_of(make_class("Charged", total=int), version=2, v1=dict)
    with pytest.raises(UndecodableEventError, match="no JSON object"):
        registry.decode("charged", 1, b"[1]", 9)


def test_a_current_event_meets_no_upcaster(make_class):
    registry = registry_of(make_class("Charged", total=int), version=2, v1=failing)
    assert registry.decode("charged", 2, b'{"total":1}', 9).total == 1


def test_running_out_of_memory_is_no_fault_of_the_upcaster(make_class):
    def greedy(_):
        raise MemoryError

    registry = registry_of(make_class("Charged", total=int), version=2, v1=greedy)
    with pytest.raises(MemoryError):
        registry.decode("charged", 1, b"{}", 9)
