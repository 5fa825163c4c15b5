"""Which files are taken for a store, and what migrating does to them."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from everfold.errors import ConfigurationError, SchemaError, StorageUnavailableError, StoreClosedError
from everfold.storage.sqlite import schema
from everfold.storage.sqlite.store import SqliteStorage

LATEST = len(schema.migrations())


@pytest.fixture
def closed_store(path):
    """A store's file that nobody has open, and a raw connection to it."""
    with closing(SqliteStorage(path)) as storage:
        storage.migrate("auto")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def next_release(monkeypatch):
    """A release with one migration more than this one."""

    def bring(text: str = "create table later (id integer primary key);") -> None:
        later = schema.Migration(LATEST + 1, f"{LATEST + 1:04}_later", text)
        everything = (*schema.migrations(), later)
        fresh = schema.fresh_schema() + text
        monkeypatch.setattr(schema, "migrations", lambda: everything)
        monkeypatch.setattr(schema, "fresh_schema", lambda: fresh)

    return bring


def dump(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """The schema as SQLite has it, without differences of white space."""
    rows = connection.execute("select type, name, sql from sqlite_master where sql is not null")
    return {(kind, name): re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split())) for kind, name, sql in rows}


def test_a_fresh_schema_is_the_same_as_a_migrated_one():
    with closing(sqlite3.connect(":memory:")) as fresh, closing(sqlite3.connect(":memory:")) as migrated:
        schema.run_script(fresh, schema.fresh_schema())
        for migration in schema.migrations():
            schema.run_script(migrated, migration.text)
        assert dump(fresh) == dump(migrated)
        assert len(dump(fresh)) > 10
        for connection in (fresh, migrated):
            assert connection.execute("select length(id) from everfold_store").fetchall() == [(16,)]


def test_auto_creates_the_file_and_says_what_it_applied(path):
    with closing(SqliteStorage(path)) as storage:
        assert storage.schema_status().found == 0
        assert not Path(path).exists()
        names = tuple(migration.name for migration in schema.migrations())
        created = storage.migrate("auto")
        assert (created.found, created.latest, created.pending, created.applied) == (LATEST, LATEST, (), names)
        again = storage.migrate("auto")
        assert (again.found, again.pending, again.applied) == (LATEST, (), ())
        assert storage.migrate("never") == storage.migrate("create") == storage.schema_status() == again


def test_each_store_has_an_id_of_its_own(tmp_path):
    ids = set()
    for name in ("one.db", "two.db"):
        with closing(SqliteStorage(str(tmp_path / name))) as storage:
            storage.migrate("create")
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            ids.update(connection.execute("select id from everfold_store"))
    assert len(ids) == 2


def test_never_creates_nothing_and_names_the_command(path):
    with (
        closing(SqliteStorage(path)) as storage,
        pytest.raises(SchemaError, match=f"everfold --db sqlite:///{path} migrate"),
    ):
        storage.migrate("never")
    assert not Path(path).exists()


def test_a_store_that_was_not_migrated_says_so(path, words):
    with closing(SqliteStorage(path)) as storage:
        with pytest.raises(StorageUnavailableError, match="can't be opened"):
            storage.commit(words.append("stay-1", 0))
        Path(path).touch()
        for call in (lambda: storage.commit(words.append("stay-1", 0)), lambda: storage.head("")):
            with pytest.raises(SchemaError, match="migrate"):
                call()


@pytest.mark.parametrize("mode", ["auto", "create", "never"])
def test_a_file_that_is_no_database_is_refused(path, mode):
    Path(path).write_bytes(b"a guest book, in ink, " * 100)
    with closing(SqliteStorage(path)) as storage, pytest.raises(SchemaError, match="no SQLite database"):
        storage.migrate(mode)
    assert Path(path).read_bytes().startswith(b"a guest book")


@pytest.mark.parametrize("mode", ["auto", "create"])
def test_a_store_is_added_beside_the_tables_of_an_application(path, words, mode):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table event (id integer)")
        with closing(SqliteStorage(path)) as storage:
            storage.migrate(mode)
            storage.commit(words.append("stay-1", 0))
        assert connection.execute("select count(*) from event").fetchone() == (0,)


def test_never_leaves_the_file_of_an_application_as_it_is(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table booking (id integer)")
    before = Path(path).read_bytes()
    with closing(SqliteStorage(path)) as storage, pytest.raises(SchemaError, match="holds no store yet"):
        storage.migrate("never")
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("mode", ["auto", "create", "never"])
def test_a_part_of_a_store_is_refused(path, mode):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table everfold_stream (id integer)")
    before = Path(path).read_bytes()
    with closing(SqliteStorage(path)) as storage, pytest.raises(SchemaError, match="without the record"):
        storage.migrate(mode)
    assert Path(path).read_bytes() == before


@pytest.mark.parametrize("mode", ["auto", "create", "never"])
def test_a_newer_schema_is_refused(path, closed_store, mode):
    version = LATEST + 1
    closed_store.execute("insert into everfold_migration values (?, 'from the future', 'x', 0)", (version,))
    with closing(SqliteStorage(path)) as storage:
        with pytest.raises(SchemaError, match=f"version {version}, newer than this release's {LATEST}"):
            storage.migrate(mode)
        assert storage.schema_status().found == version


def test_an_edited_migration_is_refused(path, closed_store):
    closed_store.execute("update everfold_migration set checksum = 'edited'")
    with closing(SqliteStorage(path)) as storage, pytest.raises(SchemaError, match="in another form"):
        storage.migrate("auto")


def test_a_missing_table_or_trigger_is_noticed(path, closed_store):
    closed_store.execute("drop trigger everfold_event_is_never_updated")
    with (
        closing(SqliteStorage(path)) as storage,
        pytest.raises(SchemaError, match="everfold_event_is_never_updated missing"),
    ):
        storage.migrate("auto")


def test_auto_upgrades_an_older_file(path, closed_store, next_release, words):
    next_release()
    with closing(SqliteStorage(path)) as storage:
        assert storage.schema_status().pending == (f"{LATEST + 1:04}_later",)
        assert storage.migrate("auto").applied == (f"{LATEST + 1:04}_later",)
        assert storage.migrate("never").found == LATEST + 1
        storage.commit(words.append("stay-1", 0))
    assert closed_store.execute("select count(*) from later").fetchone() == (0,)


@pytest.mark.parametrize("mode", ["create", "never"])
def test_an_older_file_is_refused_unless_auto(path, closed_store, next_release, mode):
    next_release()
    with closing(SqliteStorage(path)) as storage, pytest.raises(SchemaError, match=r"_later to apply\. Run: everfold"):
        storage.migrate(mode)


def test_a_migration_that_fails_leaves_the_file_as_it_was(path, closed_store, next_release):
    next_release("create table later (id integer);\ninsert into missing values (1);")
    with closing(SqliteStorage(path)) as storage:
        with pytest.raises(SchemaError):
            storage.migrate("auto")
        assert storage.schema_status().found == LATEST
    assert closed_store.execute("select count(*) from sqlite_master where name = 'later'").fetchone() == (0,)


def test_several_processes_may_migrate_at_once(path, start_program):
    processes = [start_program("migrate", path) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30)[0].strip() for process in processes]
    assert sorted(answers) == ["0", "0", "0", str(LATEST)]


@pytest.mark.parametrize(
    "options",
    [
        {"path": ":memory:"},
        {"path": ""},
        {"path": "file:store.db?mode=ro"},
        {"path": "store.db", "synchronous": "OFF"},
        {"path": "store.db", "busy_timeout_seconds": -1},
    ],
)
def test_options_that_make_no_store_are_refused(options):
    with pytest.raises(ConfigurationError):
        SqliteStorage(**options)


def test_an_unknown_mode_is_refused(path):
    with closing(SqliteStorage(path)) as storage, pytest.raises(ConfigurationError, match="'maybe'"):
        storage.migrate("maybe")


def test_a_closed_store_takes_no_call(storage, words):
    storage.close()
    storage.close()
    calls = (
        lambda: storage.commit(words.append("stay-1", 0)),
        lambda: words.stream(storage, "stay-1"),
        lambda: storage.head(""),
        lambda: storage.migrate("auto"),
        storage.schema_status,
        lambda: storage.join(None),
    )
    for call in calls:
        with pytest.raises(StoreClosedError):
            call()


def test_closing_gives_the_file_back_whole(path, storage, words):
    storage.commit(words.append("stay-1", 0))
    words.log(storage)
    storage.hint()
    storage.close()
    assert [file.name for file in Path(path).parent.iterdir()] == ["store.db"]


def test_a_path_may_hold_any_character(tmp_path, words):
    path = str(tmp_path / "hotel #1 50%? ü.db")
    with closing(SqliteStorage(path)) as storage:
        storage.migrate("auto")
        storage.commit(words.append("stay-1", 0))
    assert Path(path).exists()
