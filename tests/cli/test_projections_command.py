"""`everfold projections`: looking at builds, and leading one through its life."""

from __future__ import annotations

import io
import json

import pytest

from everfold import EventStore
from everfold.cli.projecting import show_plan
from everfold.cli.settings import Settings
from everfold.projections.status import Plan

STREAMS = 12


@pytest.fixture
def filled(url, write):
    """Twelve stays in four rooms."""
    for number in range(STREAMS):
        write(f"stay-{number}", "checked_in", {"guest": f"g{number}", "room": number % 4})
    return url


@pytest.fixture
def fed(run, filled, hotel):
    """The store after a worker has caught up; gives its URL."""
    assert run("worker", "--once", "--app", hotel(), db=filled).code == 0
    return filled


@pytest.fixture
def twofold(run, fed, hotel):
    """With a version 2 of `occupancy` beside version 1; gives the URL."""
    assert run("projections", "rebuild", "occupancy", "--app", hotel(2), db=fed).code == 0
    return fed


def states(outcome):
    assert outcome.code == 0
    return [(row[0], row[1], row[3]) for row in outcome.rows]


def table_names(url):
    with EventStore.open(url) as store:
        return [row.target.table for row in store.storage.build_rows("") if row.state != "dropped"]


# Looking


def test_what_is_not_registered_is_named(run, filled, hotel):
    done = run("projections", "list", "--json", "--app", hotel(), db=filled)
    assert (done.data["projections"], done.data["unregistered"]) == ([], ["occupancy@1", "stays@1"])
    assert "projections register" in done.err


def test_a_build_is_a_line_without_the_application_too(run, fed):
    [occupancy, stays] = run("projections", "list", db=fed).rows
    assert occupancy[:12] == ["occupancy", "1", "1", "active", "consumer", "running", "12", "0", "12", "0", "", ""]
    assert stays[0] == "stays"


def test_the_status_of_one_projection(run, fed):
    assert states(run("projections", "status", "stays", db=fed)) == [("stays", "1", "active")]


def test_a_projection_that_is_not_there_is_not_found_and_the_nearest_is_told(run, fed):
    for command in ("status", "show", "pause", "resume", "verify", "promote", "rollback", "retire"):
        done = run("projections", command, "occupanzy", db=fed)
        assert (done.code, "did you mean 'occupancy'?" in done.err) == (4, True)


@pytest.mark.parametrize("command", ["rebuild", "accept", "register"])
def test_what_runs_code_asks_for_the_application(run, fed, hotel, command):
    without = run("projections", command, "occupancy", db=fed)
    assert (without.code, "--app" in without.err) == (2, True)
    assert run("projections", command, "nothing", "--app", hotel(), db=fed).code == 4


def test_all_of_a_projection_is_shown_with_its_history(run, twofold):
    shown = run("projections", "show", "occupancy", "--json", db=twofold).data
    assert [build["version"] for build in shown["builds"]] == [1, 2]
    assert [(step["version"], step["step"]) for step in shown["history"]] == [
        (1, "registered"),
        (2, "registered"),
        (2, "built"),
    ]
    rows = run("projections", "show", "occupancy", db=twofold).rows
    assert ["build", "occupancy@2", "state", "standby"] in rows
    assert [row[1] for row in rows if row[0] == "history"] == ["occupancy@1", "occupancy@2", "occupancy@2"]


def test_changed_code_is_noticed_with_the_application(run, fed, hotel):
    changed = hotel(extra="more")
    assert run("projections", "status", "--check", "--app", hotel(), db=fed).code == 0
    done = run("projections", "status", "--check", "--json", "--app", changed, db=fed)
    assert (done.code, done.data["worries"]) == (1, ["occupancy@1 was built with other code"])
    run("projections", "accept", "occupancy", "--app", changed, db=fed)
    assert run("projections", "status", "--check", "--app", changed, db=fed).code == 0


def test_a_build_that_is_too_far_behind_is_a_worry_when_asked(run, fed, write):
    write("stay-99", "checked_in", {"guest": "g", "room": 1})
    assert run("projections", "status", "--check", db=fed).code == 0
    done = run("projections", "status", "stays", "--check", "--lag-max", "0", db=fed)
    lag = done.rows[0][7]
    assert (done.code, done.err) == (1, f"stays@1 is {lag} positions behind the log\n")


# Holding


def test_registering_makes_the_builds_and_feeds_nothing(run, filled, hotel):
    app = hotel()
    done = run("projections", "register", "occupancy", "--app", app, db=filled)
    assert [(row[0], row[6]) for row in done.rows] == [("occupancy", "0")]
    assert states(run("projections", "register", "--app", app, db=filled)) == [
        ("occupancy", "1", "active"),
        ("stays", "1", "active"),
    ]


def test_a_paused_projection_stands_still_until_it_is_resumed(run, fed, write, hotel):
    assert run("projections", "pause", "stays", db=fed).rows[0][5] == "paused"
    write("stay-99", "checked_in", {"guest": "g", "room": 1})
    run("worker", "--once", "--app", hotel(), db=fed)
    assert [row[8] for row in run("projections", "list", db=fed).rows] == ["13", "12"]
    assert run("projections", "resume", "stays", db=fed).rows[0][5] == "running"
    run("worker", "--once", "--app", hotel(), db=fed)
    assert [row[8] for row in run("projections", "list", db=fed).rows] == ["13", "13"]


# The way of a rebuild


def test_a_rebuild_stands_beside_and_says_what_comes_next(run, fed, hotel):
    done = run("projections", "rebuild", "occupancy", "--app", hotel(2), db=fed)
    assert states(done) == [("occupancy", "2", "standby")]
    assert "occupancy@2 stands at position 12" in done.err
    assert "next: everfold projections verify occupancy" in done.err


def test_quiet_leaves_the_progress_out(run, fed, hotel):
    assert run("projections", "rebuild", "occupancy", "-q", "--app", hotel(2), db=fed).err == ""


def test_a_version_of_the_definition_can_be_named(run, fed, hotel):
    app = hotel(2)
    assert run("projections", "rebuild", "occupancy", "--version", "1", "--app", app, db=fed).code == 4
    assert run("projections", "rebuild", "occupancy", "--version", "2", "--app", app, db=fed).code == 0


def test_a_rebuild_in_place_is_refused_until_it_is_confirmed(run, fed, hotel):
    args = ("projections", "rebuild", "occupancy", "--in-place", "--app", hotel())
    refused = run(*args, db=fed)
    assert (refused.code, "would: empty occupancy@1" in refused.err) == (6, True)
    assert [row[-1] for row in history(run, fed)] == ["registered → active"]
    assert run(*args, "--yes", "--rate", "5000", db=fed).code == 0
    assert [row[-1] for row in history(run, fed)] == ["registered → active", "rebuilt in place → active"]
    assert states(run("projections", "status", "occupancy", db=fed)) == [("occupancy", "1", "active")]


def history(run, url):
    return [row for row in run("projections", "show", "occupancy", db=url).rows if row[0] == "history"]


def test_an_event_that_a_rebuild_fails_on_is_named_with_its_error_in_full(run, fed, hotel):
    done = run("projections", "rebuild", "occupancy", "--app", hotel(2, broken="g7"), db=fed)
    assert (done.code, done.out) == (7, "")
    for told in ("position 8", "'stay-7'", "no such guest", "anywhere", "Traceback", "in count"):
        assert told in done.err
    [build] = [b for b in run("projections", "status", "--json", db=fed).data["projections"] if b["version"] == 2]
    assert (build["status"], build["position"], build["fault"]["position"]) == ("stopped", 7, 8)


def test_a_rebuild_that_parked_events_is_partly_failed(run, fed, hotel):
    done = run("projections", "rebuild", "occupancy", "--app", hotel(2, broken="g7", parking=True), db=fed)
    assert (done.code, "2 event(s) are parked" in done.err) == (7, True)


def test_a_rebuild_that_failed_goes_on_where_it_stood(run, fed, hotel):
    app = hotel(2, broken="g7")
    run("projections", "rebuild", "occupancy", "--app", app, db=fed)
    planned = run("projections", "rebuild", "occupancy", "--dry-run", "--app", app, db=fed)
    assert planned.rows == [["would", "go on with occupancy@2 at position 7 of 12"]]


def test_a_rebuild_that_was_interrupted_goes_on_where_it_stood(run, fed, hotel, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    args = ("projections", "rebuild", "occupancy", "--app", hotel(2))
    with monkeypatch.context() as patch:
        patch.setattr("everfold.cli.progress.Progress.__call__", interrupted)
        done = run(*args, db=fed)
    assert (done.code, done.out) == (130, "")
    assert "goes on with: everfold projections rebuild occupancy" in done.err
    assert run(*args, "--dry-run", db=fed).rows == [["would", "go on with occupancy@2 at position 12 of 12"]]
    assert states(run("projections", "status", "occupancy", db=fed))[1] == ("occupancy", "2", "building")
    assert states(run(*args, db=fed)) == [("occupancy", "2", "standby")]


def test_equal_builds_verify(run, twofold):
    done = run("projections", "verify", "occupancy", db=twofold)
    assert (done.code, done.rows[0]) == (0, ["equal", "true"])
    data = run("projections", "verify", "occupancy", "--version", "2", "--json", db=twofold).data
    assert (data["old_count"], data["new_count"], data["differences"], data["samples"]) == (4, 4, 0, [])


def test_a_difference_is_shown_and_blocks_the_promotion_until_it_is_left_out(run, fed, hotel):
    run("projections", "rebuild", "occupancy", "--app", hotel(2, extra="more"), db=fed)
    done = run("projections", "verify", "occupancy", db=fed)
    assert (done.code, done.rows[0]) == (1, ["equal", "false"])
    [first, *_] = [json.loads(row[1]) for row in done.rows if row[0] == "difference"]
    assert first == {"key": "0", "old": {"stays": 3}, "new": {"stays": 3, "more": True}}
    assert run("projections", "verify", "occupancy", "--json", db=fed).objects[0]["status"] == "fail"
    refused = run("projections", "promote", "occupancy", "--json", db=fed)
    assert (refused.code, refused.error["code"]) == (6, "promotion_refused")
    assert run("projections", "verify", "occupancy", "--ignore", "more", db=fed).code == 0
    assert run("projections", "promote", "occupancy", db=fed).code == 0


def test_there_is_nothing_to_verify_without_a_second_build(run, fed):
    assert run("projections", "verify", "occupancy", db=fed).code == 3


def test_promoted_rolled_back_promoted_again_and_retired(run, twofold):
    at = {"db": twofold}
    assert states(run("projections", "promote", "occupancy", **at)) == [
        ("occupancy", "1", "retiring"),
        ("occupancy", "2", "active"),
    ]
    assert states(run("projections", "rollback", "occupancy", **at))[0] == ("occupancy", "1", "active")
    assert states(run("projections", "promote", "occupancy", "--version", "2", **at))[1][2] == "active"
    refused = run("projections", "retire", "occupancy", **at)
    assert (refused.code, "would: drop occupancy@1" in refused.err) == (6, True)
    assert "occupancy_v1" in table_names(twofold)
    assert states(run("projections", "retire", "occupancy", "--yes", **at)) == [("occupancy", "2", "active")]
    assert table_names(twofold) == ["occupancy_v2", "stays_v1"]
    assert run("projections", "rollback", "occupancy", **at).code == 6


def test_a_promotion_behind_the_log_is_refused_and_says_how_far(run, fed, write, hotel):
    run("projections", "rebuild", "occupancy", "--app", hotel(2), db=fed)
    for number in range(3):
        write(f"late-{number}", "checked_in", {"guest": "late", "room": 1})
    lag = int(run("projections", "status", "occupancy", db=fed).rows[1][7])
    done = run("projections", "promote", "occupancy", "--lag-max", str(lag - 1), db=fed)
    assert (lag >= 3, done.code, f"{lag} positions behind the log" in done.err) == (True, 6, True)
    assert run("projections", "promote", "occupancy", "--lag-max", str(lag), db=fed).code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["rebuild", "occupancy"], ["would build occupancy@1.2 from the beginning of the log up to position 12"]),
        (["rebuild", "occupancy", "--in-place"], ["would empty occupancy@1 and feed it again from the beginning"]),
        (
            ["promote", "occupancy"],
            ["would readers switch from occupancy@1 to occupancy@2", "would occupancy@1 is fed"],
        ),
        (["promote", "stays"], ["refused no build stands beside the active one"]),
        (["promote", "occupancy", "--version", "7"], ["refused no build of version 7 stands beside the active one"]),
        (["rollback", "occupancy"], ["refused there is no version before the active one"]),
        (["retire", "occupancy"], ["refused no build waits to be retired"]),
        (["retire", "occupancy", "--version", "1"], ["refused version 1 is what readers see"]),
        (["retire", "occupancy", "--version", "2"], ["would drop occupancy@2 (standby)"]),
    ],
)
def test_a_dry_run_says_what_would_happen_or_what_refuses_it_and_changes_nothing(run, twofold, hotel, args, told):
    before = run("projections", "list", db=twofold).out
    done = run("projections", *args, "--dry-run", "--app", hotel(), db=twofold)
    lines = [" ".join(row) for row in done.rows]
    assert [line[: len(start)] for line, start in zip(lines, told, strict=True)] == told
    assert done.code == (6 if told[0].startswith("refused") else 0)
    assert run("projections", "list", db=twofold).out == before


def test_a_dry_run_that_is_refused_fails_in_json(run, twofold):
    for name, status in (("stays", "fail"), ("occupancy", "pass")):
        done = run("projections", "promote", name, "--dry-run", "--json", db=twofold)
        assert (done.objects[0]["status"], bool(done.data["refusals"])) == (status, status == "fail")


def test_a_dry_run_says_that_a_build_of_other_code_is_dropped(run, twofold, hotel):
    done = run("projections", "rebuild", "occupancy", "--dry-run", "--app", hotel(2, extra="more"), db=twofold)
    assert [row[1].partition(" from ")[0] for row in done.rows] == [
        "drop occupancy@2, which other code has begun",
        "build occupancy@2.2",
    ]


def test_a_command_that_the_group_does_not_have_gets_the_nearest(run):
    done = run("projections", "promte", "--json")
    assert (done.code, done.error["code"], "'promote'" in done.error["message"]) == (2, "usage", True)


def test_inline_projections_are_fed_by_an_append_and_never_passed_by(run, url, shop):
    text = """
import everfold as ef
from dataclasses import dataclass
hotel = ef.Module("hotel")

@hotel.event("checked_in")
@dataclass(frozen=True)
class CheckedIn:
    room: int

stays = ef.DocumentProjection("stays", timing=ef.INLINE)

@stays.on(CheckedIn)
def _(document, event, recorded):
    return {"room": event.room}

hotel.add(stays)
"""
    app = shop(text, "hotel")
    assert run("append", "stay-1", "checked_in", "-d", '{"room": 7}', "--app", app, db=url).code == 0
    with EventStore.open(url) as store:
        [build] = store.projections().status()
        assert build.fed == "inline"
        documents = store.storage.stored_documents("", store.storage.build_rows("")[0].target, ["stay-1"]).documents
        assert json.loads(documents["stay-1"].data) == {"room": 7}
    past = run("append", "stay-2", "checked_in", "-d", '{"room": 8}', db=url)
    assert (past.code, "inline projections stays" in past.err) == (6, True)
    assert run("append", "other-1", "noted", "--yes", db=url).code == 0


def test_what_a_plan_names_can_not_act_on_a_terminal(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdout", screen)
    show_plan(Settings(), Plan("skip", "stays", ("leave \x1b[2J out",), ("it is \u202e",)))
    assert screen.getvalue() == "would: leave \\u001b[2J out\nREFUSED: it is \\u202e\n"
