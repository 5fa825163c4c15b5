"""Retiring a version of one tenant leaves those alone who have theirs in the same table."""

from __future__ import annotations

import pytest

import everfold as ef

from .test_registering import Paid, module


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bank.db"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}"


def test_the_table_stays_until_no_tenant_has_a_build_in_it(url):
    for tenant in ("", "other"):
        with ef.EventStore.open(url, module(1), tenant=tenant, migrate="auto") as store:
            store.append("account-1", [Paid(2)], expected_version=0)
            ef.Worker(store).run_until_caught_up()
    with ef.EventStore.open(url, module(1, 2)) as store:
        ef.Worker(store).run_until_caught_up()
        store.projections().promote("totals")
        store.projections().retire("totals")
        assert store.read_model("totals").get("account-1") == {"sum": 2}
    with ef.EventStore.open(url, module(1), tenant="other") as store:
        assert store.read_model("totals").get("account-1") == {"sum": 2}
