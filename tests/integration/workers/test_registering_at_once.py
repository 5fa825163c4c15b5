"""Workers that start together, as they do in a deploy, make a new build once: its checkpoint begins once."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import everfold as ef
from everfold.testing.racing import race

RACERS = 4

desk = ef.Module("desk")


@desk.event("arrived")
@dataclass(frozen=True)
class Arrived:
    guest: str


def arrivals(version: int) -> ef.TableProjection:
    table = ef.TableProjection(
        "arrivals", version=version, columns={"guest": ef.Text, "times": ef.Integer}, key=["guest"]
    )
    table.on(Arrived).increment(times=1).at(guest="guest")
    return table


VERSIONS = {version: arrivals(version) for version in (1, 2)}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/desk.db"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}"


def deployed(*versions: int) -> ef.Module:
    module = ef.Module("read_models")
    module.add(*(VERSIONS[version] for version in versions))
    return module


def register_at_once(url: str, *versions: int) -> list[tuple[int, int, str]]:
    """What the record says after it."""
    with ExitStack() as opened:
        stores = [opened.enter_context(ef.EventStore.open(url, desk, deployed(*versions))) for _ in range(RACERS)]
        outcomes = race([store.projections().register for store in stores])
        assert [outcome for outcome in outcomes if isinstance(outcome, BaseException)] == []
        return [(t.version, t.generation, t.step) for _, t in stores[0].projections().history("arrivals")]


def test_a_first_version_is_registered_once(url):
    with ef.EventStore.open(url, desk) as store:
        store.append("stay-1", [Arrived("ada")], expected_version=0)
    assert register_at_once(url, 1) == [(1, 1, "registered")]


def test_a_version_beside_the_active_one_is_registered_once(url):
    with ef.EventStore.open(url, desk, deployed(1)) as store:
        store.append("stay-1", [Arrived("ada")], expected_version=0)
        ef.Worker(store).run_until_caught_up()
    assert register_at_once(url, 1, 2) == [(1, 1, "registered"), (2, 1, "registered")]
