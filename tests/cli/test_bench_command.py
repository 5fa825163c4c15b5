"""`everfold bench`: figures of a store of its own, and a refusal to write into another."""

from __future__ import annotations

import pytest

from everfold import EventStore
from everfold.cli.measuring import measure

SHORT = ["--duration", "0.05"]


@pytest.mark.parametrize("what", ["append", "read", "load"])
def test_each_kind_of_work_gives_rates_and_percentiles(run, folder, what):
    data = run("bench", what, *SHORT, "--json", db=f"sqlite:///{folder}/bench.db").data
    assert (data["what"], data["concurrency"]) == (what, 1)
    assert data["events"] >= data["operations"] >= 1
    latency = data["latency_ms"]
    assert latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]


def test_the_lines_of_a_pipe_are_measure_and_value(run):
    rows = dict(run("bench", "append", *SHORT, db="memory://").rows)
    assert rows["what"] == "append"
    assert float(rows["events_per_second"]) > 0
    assert float(rows["latency_ms_p99"]) > 0


def test_batch_and_concurrency_are_what_is_done(run, folder):
    url = f"sqlite:///{folder}/bench.db"
    data = run("bench", "append", *SHORT, "--batch", "7", "--concurrency", "3", "--json", db=url).data
    assert (data["batch"], data["concurrency"], data["events"]) == (7, 3, 7 * data["operations"])
    with EventStore.open(url) as store:
        streams = store.streams()
    assert len(streams) == 3
    assert sum(stream.version for stream in streams) == data["events"]
    assert {stream.name.partition("-")[0] for stream in streams} == {"everfoldbench"}


@pytest.mark.parametrize(("what", "each"), [("load", 30), ("read", 30)])
def test_batch_is_the_size_of_what_is_read(run, what, each):
    data = run("bench", what, *SHORT, "--batch", str(each), "--json", db="memory://").data
    assert 0 < data["events"] <= each * data["operations"]


def test_a_store_that_holds_events_is_refused(run, url, write):
    write("stay-1", "booked")
    done = run("bench", "append", *SHORT, "--json", db=url)
    assert (done.code, done.error["code"]) == (6, "store_not_empty")
    with EventStore.open(url) as store:
        assert store.head() == 1


@pytest.mark.parametrize("what", ["append", "read", "load"])
def test_yes_measures_beside_the_events_that_are_there(run, url, write, what):
    write("stay-1", "booked")
    assert run("bench", what, *SHORT, "--yes", db=url).code == 0


def test_progress_is_told_on_stderr_unless_quiet(run):
    assert "1 thread(s)" in run("bench", "append", *SHORT, db="memory://").err
    assert run("bench", "append", *SHORT, "-q", db="memory://").err == ""


@pytest.mark.parametrize(
    "wrong",
    [
        ["project"],
        [],
        ["read", "--duration", "0"],
        ["read", "--concurrency", "0"],
        ["read", "--batch", "0"],
        ["read", "--batch", "x"],
    ],
)
def test_what_can_not_be_measured_is_refused(run, wrong):
    assert run("bench", *wrong, db="memory://").code == 2


def test_the_first_error_of_a_thread_ends_all_of_them():
    def operation():
        calls = iter([1, 1])
        return lambda: next(calls)

    with pytest.raises(StopIteration):
        measure(operation, 3600, 3)
