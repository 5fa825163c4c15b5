"""`everfold migrate`: the schema looked at, brought to this release, and never touched by a command that reads."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from everfold import EventStore
from everfold.storage.sqlite.schema import migrations

LATEST = len(migrations())


@pytest.fixture
def new(folder):
    return f"sqlite:///{folder}/new.db"


def change(path, *statements):
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def newer(url, folder):
    """A store that a later release has migrated."""
    change(
        folder / "store.db",
        "insert into everfold_migration select max(version) + 1, '9999_later', 'x', 0 from everfold_migration",
    )
    return url


def test_a_new_store_is_made_and_what_was_applied_is_told(run, new):
    done = run("migrate", db=new)
    assert done.code == 0
    assert done.rows[:2] == [["found", str(LATEST)], ["latest", str(LATEST)]]
    assert ["applied", "0001_first_schema"] in done.rows
    with EventStore.open(new, migrate="never") as store:
        assert store.head() == 0


def test_migrating_again_finds_nothing_to_do(run, url):
    assert run("migrate", "--json", db=url).data == {"found": LATEST, "latest": LATEST, "applied": [], "pending": []}


def test_status_only_looks(run, new, folder):
    done = run("migrate", "--status", db=new)
    assert (done.code, done.rows[-1]) == (0, ["pending", migrations()[-1].name])
    assert list(folder.iterdir()) == []


def test_check_fails_while_something_is_pending(run, new, folder):
    done = run("migrate", "--check", "--json", db=new)
    assert (done.code, done.objects[0]["status"]) == (1, "fail")
    assert list(folder.iterdir()) == []
    run("migrate", db=new)
    assert run("migrate", "--check", "--json", db=new).objects[0]["status"] == "pass"


def test_check_fails_on_a_schema_that_is_newer_than_this_release(run, newer):
    done = run("migrate", "--check", db=newer)
    assert (done.code, done.rows[:2]) == (1, [["found", str(LATEST + 1)], ["latest", str(LATEST)]])


@pytest.mark.parametrize(
    "command",
    [["migrate"], ["append", "s-1", "t"], ["read", "--all"], ["tail"], ["streams"], ["types"], ["bench", "read"]],
)
def test_no_command_touches_a_schema_that_is_newer(run, newer, command):
    done = run(*command, db=newer)
    assert (done.code, done.out) == (2, "")
    assert "newer than this release" in done.err


@pytest.mark.parametrize("command", [["append", "s-1", "t"], ["read", "--all"], ["tail"], ["streams"], ["types"]])
def test_a_command_that_does_not_migrate_says_which_one_does(run, new, folder, command):
    done = run(*command, db=new)
    assert (done.code, done.out) == (2, "")
    assert "migrate" in done.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "command", [["migrate"], ["migrate", "--check"], ["streams"], ["append", "s-1", "t"], ["bench", "read"]]
)
def test_a_file_that_is_no_database_is_left_as_it_is(run, folder, command):
    (folder / "letter.txt").write_text("Dear Ann,\n" * 500)
    done = run(*command, db=f"sqlite:///{folder}/letter.txt")
    assert (done.code, "no SQLite database" in done.err) == (2, True)
    assert (folder / "letter.txt").read_text() == "Dear Ann,\n" * 500


@pytest.mark.parametrize("command", [["migrate", "--check"], ["streams"], ["append", "s-1", "t"]])
def test_only_migrate_adds_a_store_to_the_database_of_an_application(run, folder, command):
    change(folder / "other.db", "create table customer (id)")
    before = (folder / "other.db").read_bytes()
    assert run(*command, db=f"sqlite:///{folder}/other.db").code in (1, 2)
    assert (folder / "other.db").read_bytes() == before
    assert run("migrate", db=f"sqlite:///{folder}/other.db").code == 0
    assert run("append", "s-1", "t", db=f"sqlite:///{folder}/other.db").code == 0


def test_sql_is_for_a_store_that_others_migrate(run, url):
    done = run("migrate", "--sql", db=url)
    assert (done.code, "PostgreSQL" in done.err) == (2, True)


@pytest.mark.parametrize("both", [["--status", "--check"], ["--check", "--sql"], ["--status", "--sql"]])
def test_its_questions_are_asked_one_at_a_time(run, url, both):
    assert run("migrate", *both, db=url).code == 2


def test_a_store_in_memory_needs_no_migration(run):
    assert run("migrate", "--check", db="memory://").code == 0
