"""Names and classes: who is stored as what."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from everfold.codec.registry import Registry
from everfold.errors import UnknownEventTypeError
from everfold.module import Module


@dataclass
class GuestCheckedIn:
    guest: str


@dataclass
class GuestCheckedOut:
    guest: str


@dataclass
class Unrelated:
    guest: str


@pytest.fixture
def hotel():
    hotel = Module("hotel")
    hotel.event("guest_checked_in", version=2, aliases=["guest_arrived", "guest_came"])(GuestCheckedIn)
    hotel.upcast("guest_checked_in", from_version=1)(dict)
    return hotel


@pytest.fixture
def registry(hotel):
    return Registry.of([hotel])


def test_an_event_is_written_under_its_name_and_current_version(registry):
    assert registry.encode(GuestCheckedIn("g")) == ("guest_checked_in", 2, b'{"guest":"g"}')


def test_an_event_stored_under_an_alias_is_read_as_the_class(registry):
    assert registry.decode("guest_arrived", 1, b'{"guest":"g"}', 1) == GuestCheckedIn("g")


@pytest.mark.parametrize("wanted", [GuestCheckedIn, "guest_checked_in", "guest_came"])
def test_a_query_for_a_type_finds_every_name_that_it_was_stored_under(registry, wanted):
    assert registry.names_for([wanted]) == ("guest_checked_in", "guest_arrived", "guest_came")


def test_a_query_keeps_unknown_names_and_repeats_none(registry):
    assert registry.names_for(["of_another_module", GuestCheckedIn, "guest_arrived", "of_another_module"]) == (
        "of_another_module",
        "guest_checked_in",
        "guest_arrived",
        "guest_came",
    )


def test_the_type_name_of_a_class_and_of_its_object_is_the_same(registry):
    assert registry.type_name(GuestCheckedIn) == registry.type_name(GuestCheckedIn("g")) == "guest_checked_in"


@pytest.mark.parametrize(
    "use",
    [
        lambda registry: registry.encode(GuestCheckedOut("g")),
        lambda registry: registry.names_for([GuestCheckedOut]),
        lambda registry: registry.type_name(GuestCheckedOut),
    ],
)
def test_an_unregistered_class_is_refused_with_near_matches(registry, use):
    with pytest.raises(UnknownEventTypeError, match=r"'GuestCheckedOut'.*'guest_checked_in'") as caught:
        use(registry)
    assert caught.value.known[0] == "guest_checked_in"


def test_an_unregistered_class_that_resembles_none_gets_no_suggestion(registry):
    with pytest.raises(UnknownEventTypeError) as caught:
        registry.encode(Unrelated("g"))
    assert caught.value.known == ()


def test_a_subclass_is_not_registered_by_its_parent(registry):
    with pytest.raises(UnknownEventTypeError):
        registry.encode(type("Special", (GuestCheckedIn,), {})("g"))


def test_a_class_in_place_of_an_object_is_no_payload(registry):
    with pytest.raises(UnknownEventTypeError):
        registry.encode(GuestCheckedIn)


def test_the_types_are_listed_with_their_owner(registry):
    (listed,) = registry.types()
    assert (listed.name, listed.version, listed.aliases, listed.cls, listed.module) == (
        "guest_checked_in",
        2,
        ("guest_arrived", "guest_came"),
        GuestCheckedIn,
        "hotel",
    )


def test_one_module_serves_several_stores(hotel):
    first, second = Registry.of([hotel]), Registry.of([hotel])
    assert first.encode(GuestCheckedIn("g")) == second.encode(GuestCheckedIn("g"))


def test_a_store_without_modules_knows_no_type():
    registry = Registry.of([])
    assert registry.names_for(["any"]) == ("any",)
    with pytest.raises(UnknownEventTypeError):
        registry.decode("any", 1, b"{}", 1)


def test_threads_share_a_registry(registry):
    wrong: list[object] = []

    def work(number: int) -> None:
        for i in range(500):
            event = GuestCheckedIn(f"{number}-{i}")
            if registry.decode(*registry.encode(event), 1) != event:
                wrong.append(event)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
