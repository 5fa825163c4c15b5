"""`everfold deadletters`: what is parked, why, and what is done about it."""

from __future__ import annotations

import pytest


@pytest.fixture
def parked(run, url, write, hotel):
    """Six stays in two rooms; the second stay failed, so room 1 is parked: letters 1, 2 and 3. Gives the URL."""
    for number in range(6):
        write(f"stay-{number}", "checked_in", {"guest": f"g{number}", "room": number % 2})
    assert run("worker", "--once", "--app", hotel(broken="g1", parking=True), db=url).code == 0
    return url


def ids(outcome):
    assert outcome.code == 0
    return [int(row[0]) for row in outcome.rows]


def test_letters_are_listed_oldest_first_and_name_what_failed(run, parked):
    done = run("deadletters", "list", db=parked)
    assert ids(done) == [1, 2, 3]
    assert done.rows[0][1:9] == ["occupancy", "1", "1", "2", "checked_in", "stay-1", "parked", "1"]
    assert [row[10] for row in done.rows] == ["ValueError: no such guest", "", ""]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["occupancy"], [1, 2, 3]),
        (["stays"], []),
        (["--state", "done"], []),
        (["--state", "all"], [1, 2, 3]),
        (["--after", "1"], [2, 3]),
        (["-n", "2"], [1, 2]),
        (["--after", "1", "--limit", "1"], [2]),
    ],
)
def test_letters_are_chosen_by_projection_state_and_place(run, parked, options, expected):
    assert ids(run("deadletters", "list", *options, db=parked)) == expected


def test_what_is_left_out_is_told_on_stderr_and_as_next(run, parked):
    assert "--after 2" in run("deadletters", "list", "-n", "2", db=parked).err
    assert run("deadletters", "list", "-n", "2", "--json", db=parked).data["next"] == 2
    assert run("deadletters", "list", "-n", "3", "--json", db=parked).data["next"] is None


def test_a_letter_shows_its_event_its_error_in_full_and_what_waits_behind_it(run, parked):
    data = run("deadletters", "show", "1", "--json", db=parked).data
    assert (data["behind"], data["event"]["data"]) == ([2, 3], {"guest": "g1", "room": 1})
    assert data["error"]["message"] == "no such guest\nanywhere"
    assert "in count" in data["error"]["traceback"]
    rows = dict(run("deadletters", "show", "2", db=parked).rows)
    assert (rows["behind"], rows["error"], rows["attempts"]) == ("[3]", "", "0")


def test_a_letter_that_is_not_there_is_not_found(run, parked, hotel):
    for args in (["show", "9"], ["retry", "9", "--app", hotel()], ["skip", "9", "--reason", "gone", "--yes"]):
        assert run("deadletters", *args, db=parked).code == 4


@pytest.mark.parametrize("options", [["1"], ["--key", "1"], ["--all"], ["--all", "--projection", "occupancy"]])
def test_a_retry_with_corrected_code_handles_the_key_in_its_order(run, parked, hotel, options):
    done = run("deadletters", "retry", *options, "--json", "--app", hotel(parking=True), db=parked)
    assert (done.code, done.data) == (0, {"done": 3, "error": None})
    assert ids(run("deadletters", "list", db=parked)) == []
    assert {row[7] for row in run("deadletters", "list", "--state", "all", db=parked).rows} == {"done"}


def test_a_retry_that_fails_again_is_partly_failed_and_leaves_the_key_parked(run, parked, hotel):
    app = hotel(broken="g3", parking=True)
    done = run("deadletters", "retry", "1", "--app", app, db=parked)
    assert (done.code, done.rows) == (7, [["done", "1"], ["error", r"ValueError: no such guest\nanywhere"]])
    assert ids(run("deadletters", "list", db=parked)) == [2, 3]


@pytest.mark.parametrize("options", [[], ["1", "--all"], ["--all", "--key", "1"]])
def test_a_retry_says_of_what(run, parked, hotel, options):
    assert run("deadletters", "retry", *options, "--app", hotel(), db=parked).code == 2


def test_a_name_or_a_key_that_nothing_is_known_of_is_not_found(run, parked, hotel):
    app = hotel()
    for args in (["list", "occupanzy"], ["retry", "--all", "--projection", "occupanzy"], ["retry", "--key", "7"]):
        assert run("deadletters", *args, "--app", app, db=parked).code == 4
    assert run("deadletters", "list", "stays", db=parked).code == 0
    assert run("deadletters", "retry", "--all", "--projection", "stays", "--app", app, db=parked).rows == [
        ["done", "0"]
    ]


def test_a_retry_asks_for_the_application(run, parked):
    done = run("deadletters", "retry", "--all", db=parked)
    assert (done.code, "--app" in done.err) == (2, True)


def test_a_skipped_letter_keeps_its_reason_and_its_actor(run, parked, hotel):
    args = ("deadletters", "skip", "1", "--reason", "a test guest")
    refused = run(*args, db=parked)
    assert (refused.code, "would: leave checked_in at position 2 out of occupancy@1" in refused.err) == (6, True)
    [letter] = run(*args, "--actor", "ann", "--yes", "--json", db=parked).data["letters"]
    assert (letter["state"], letter["actor"], letter["reason"]) == ("skipped", "ann", "a test guest")
    assert run(*args, "--yes", db=parked).code == 3
    assert run("deadletters", "retry", "1", "--app", hotel(), db=parked).code == 3
    assert ids(run("deadletters", "list", db=parked)) == [2, 3]


def test_the_user_who_skips_is_the_actor(run, parked, monkeypatch):
    monkeypatch.setenv("LOGNAME", "berta")
    [letter] = run("deadletters", "skip", "1", "--reason", "why", "--yes", "--json", db=parked).data["letters"]
    assert letter["actor"] == "berta"


def test_a_skip_without_a_reason_is_refused(run, parked):
    done = run("deadletters", "skip", "1", "--yes", db=parked)
    assert (done.code, "--reason" in done.err) == (2, True)
    assert ids(run("deadletters", "list", db=parked)) == [1, 2, 3]


def test_a_dry_run_of_a_skip_says_what_refuses_it_and_changes_nothing(run, parked):
    planned = run("deadletters", "skip", "2", "--reason", "why", "--dry-run", "--json", db=parked)
    assert (planned.code, planned.data["steps"]) == (0, ["leave checked_in at position 4 out of occupancy@1"])
    bare = run("deadletters", "skip", "2", "--dry-run", db=parked)
    assert (bare.code, [row[0] for row in bare.rows]) == (6, ["would", "refused"])
    assert ids(run("deadletters", "list", db=parked)) == [1, 2, 3]
