"""A module records what is declared on it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from everfold.errors import ConfigurationError
from everfold.module import Module


@dataclass
class Charged:
    amount: int


@pytest.fixture
def hotel():
    return Module("hotel")


def test_declaring_an_event_gives_the_class_back(hotel):
    assert hotel.event("charged", version=2, aliases=["paid"])(Charged) is Charged
    (declared,) = hotel.events
    assert (declared.name, declared.version, declared.aliases, declared.cls) == ("charged", 2, ("paid",), Charged)


def test_declaring_an_upcaster_gives_the_function_back(hotel):
    assert hotel.upcast("charged", from_version=1)(dict) is dict
    (declared,) = hotel.upcasters
    assert (declared.name, declared.from_version, declared.function) == ("charged", 1, dict)


def test_declarations_keep_their_order(hotel):
    for name in ("c", "a", "b"):
        hotel.event(name)(Charged)
    assert [event.name for event in hotel.events] == ["c", "a", "b"]


def test_one_alias_may_be_given_as_a_string(hotel):
    hotel.event("charged", aliases="paid")(Charged)
    assert hotel.events[0].aliases == ("paid",)


def test_a_contradiction_is_no_error_before_a_store_opens(hotel):
    hotel.event("$", version=0)(Charged)
    hotel.event("$", version=0)(Charged)
    assert len(hotel.events) == 2


@pytest.mark.parametrize("decorate", [lambda m: m.event(Charged), lambda m: m.upcast(dict, from_version=1)])
def test_a_decorator_without_its_name_is_refused_at_once(hotel, decorate):
    with pytest.raises(ConfigurationError, match="takes the stored type name first"):
        decorate(hotel)


def test_two_modules_share_nothing(hotel):
    hotel.event("charged")(Charged)
    assert Module("hotel").events == ()
    assert repr(hotel) == "Module('hotel', 1 event types)"
