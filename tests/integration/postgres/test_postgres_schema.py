"""Migrations: fresh and migrated are the same, processes that start together agree, and what doesn't fit is refused."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import psycopg
import pytest

from everfold.errors import ConfigurationError, SchemaError
from everfold.storage.postgres import schema as schema_module
from everfold.storage.postgres.schema import Migration, fresh_schema, migrations, script
from everfold.storage.postgres.statements import for_schema
from everfold.testing.racing import race, successes

CATALOG = """
select 'table', c.relname::text, c.relkind::text, coalesce(c.reloptions::text, '') from pg_class c
  where c.relnamespace = %(schema)s::regnamespace
union all
select 'column', c.relname || '.' || a.attname,
       concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcompression, a.attcollation, a.attidentity),
       coalesce(pg_get_expr(d.adbin, d.adrelid), '')
  from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
  where c.relnamespace = %(schema)s::regnamespace and a.attnum > 0 and not a.attisdropped
union all
select 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), ''
  from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = %(schema)s::regnamespace
union all
select 'constraint', x.conname, pg_get_constraintdef(x.oid), '' from pg_constraint x
  where x.connamespace = %(schema)s::regnamespace
union all
select 'function', p.oid::regprocedure::text, pg_get_functiondef(p.oid), coalesce(p.proacl::text, '') from pg_proc p
  where p.pronamespace = %(schema)s::regnamespace
union all
select 'trigger', t.tgname, pg_get_triggerdef(t.oid), '' from pg_trigger t join pg_class c on c.oid = t.tgrelid
  where c.relnamespace = %(schema)s::regnamespace and not t.tgisinternal
union all
select 'view', v.viewname, v.definition, '' from pg_views v where v.schemaname::regnamespace = %(schema)s::regnamespace
union all
select 'sequence', s.seqrelid::regclass::text, concat_ws(' ', seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle), ''
  from pg_sequence s join pg_class c on c.oid = s.seqrelid where c.relnamespace = %(schema)s::regnamespace
order by 1, 2, 3
"""


def created(connection: psycopg.Connection, schema: str, text: str) -> list[tuple[str, ...]]:
    """The catalog of a schema that this text makes; the schema is gone afterwards."""
    connection.execute(f"create schema {schema}")
    connection.execute(for_schema(text, schema))
    rows = connection.execute(CATALOG, {"schema": schema}).fetchall()
    connection.rollback()
    return [tuple(map(str, row)) for row in rows]


def test_a_fresh_schema_is_the_same_as_a_migrated_one(connect, postgres_schema):
    connection = connect()
    fresh = created(connection, postgres_schema, fresh_schema())
    migrated = created(connection, postgres_schema, "\n".join(migration.text for migration in migrations()))
    assert fresh == migrated
    assert {row[0] for row in fresh} == {
        *("table", "column", "index", "constraint", "function", "trigger", "view", "sequence")
    }


def test_create_creates_and_then_finds_it_done(storage):
    assert storage.migrate("create") == storage.schema_status()
    assert storage.schema_status().pending == ()


def test_the_modes_do_no_more_than_they_say(open_storage, connect, postgres_schema):
    with pytest.raises(SchemaError, match=r"holds no store yet.*everfold --db URL migrate"):
        open_storage().migrate("never")
    with pytest.raises(ConfigurationError, match="'auto', 'create', 'never'"):
        open_storage().migrate("sometimes")
    assert open_storage().schema_status().found == 0
    assert open_storage().migrate("create").applied == tuple(migration.name for migration in migrations())


def test_many_processes_that_start_together_migrate_once(open_storage):
    outcomes = race([partial(open_storage().migrate, "auto") for _ in range(6)])
    assert len(successes(outcomes)) == 6, outcomes
    assert sorted(len(outcome.applied) for outcome in outcomes) == [0, 0, 0, 0, 0, len(migrations())]


def test_a_schema_of_a_newer_release_is_refused_in_every_mode(storage, connect, postgres_schema):
    connect(autocommit=True).execute(f"insert into {postgres_schema}.migration values (99, '0099_later', 'x')")
    for mode in ("auto", "create", "never"):
        with pytest.raises(SchemaError, match="newer than this release"):
            storage.migrate(mode)


def test_a_migration_that_was_applied_in_another_form_is_refused(storage, connect, postgres_schema):
    connect(autocommit=True).execute(f"update {postgres_schema}.migration set checksum = 'x'")
    with pytest.raises(SchemaError, match="another form"):
        storage.migrate("auto")


def test_an_outdated_schema_is_upgraded_by_auto_alone(  # noqa: PLR0917  # fixtures
    storage, open_storage, connect, postgres_schema, monkeypatch, words
):
    """The next migration, as a later release would bring it."""
    storage.commit(words.append("stay-1"))
    found = len(migrations())
    later = (*migrations(), Migration(found + 1, "9999_later", "alter table @schema@.snapshot add column later text;"))
    monkeypatch.setattr(schema_module, "migrations", lambda: later)
    with pytest.raises(SchemaError, match=rf"version {found} of {found + 1}.*9999_later.*migrate"):
        open_storage().migrate("create")
    assert "add column later" in open_storage().pending_sql()
    assert open_storage().migrate("auto").applied == ("9999_later",)
    assert open_storage().pending_sql() == ""
    assert words.everything(storage) == [1]


def test_a_failing_migration_leaves_nothing_behind(storage, open_storage, monkeypatch):
    broken = (
        *migrations(),
        Migration(len(migrations()) + 1, "9999_broken", "create table @schema@.half (id int); select 1/0;"),
    )
    monkeypatch.setattr(schema_module, "migrations", lambda: broken)
    with pytest.raises(Exception, match="division by zero"):
        open_storage().migrate("auto")
    monkeypatch.undo()
    assert open_storage().migrate("never").found == len(migrations())


def test_the_pending_sql_makes_the_same_store_by_hand(open_storage, connect, words):
    text = open_storage().pending_sql()
    connect(autocommit=True).execute(text)
    storage = open_storage()
    assert storage.migrate("never").pending == ()
    assert words.positions(storage.commit(words.append("stay-1", 0))) == [1]


def test_a_schema_that_an_administrator_made_is_used(open_storage, connect, postgres_schema):
    connect(autocommit=True).execute(f"create schema {postgres_schema}")
    assert "create schema" not in open_storage().pending_sql()
    assert open_storage().migrate("create").found == len(migrations())


def test_a_schema_with_tables_of_something_else_is_left_alone(open_storage, connect, postgres_schema):
    connect(autocommit=True).execute(f"create schema {postgres_schema}; create table {postgres_schema}.event (id int)")
    with pytest.raises(SchemaError, match="holds tables of something else"):
        open_storage().migrate("auto")


@pytest.mark.parametrize("name", ["", "Upper", "a-b", "a b", 'a"b', "1a", "a" * 52, "a;drop"])
def test_a_schema_name_that_would_need_quoting_is_refused(name):
    with pytest.raises(ConfigurationError):
        script(name, 0, create_schema=True)


def test_reserved_words_are_names_of_schemas_too(postgres_url, connect, words):
    from everfold.storage.postgres.store import PostgresStorage

    storage = PostgresStorage(postgres_url, schema="order")
    try:
        storage.migrate("auto")
        storage.commit(words.append("stay-1"))
        assert words.everything(storage) == [1]
    finally:
        storage.close()
        connect(autocommit=True).execute('drop schema "order" cascade')


def test_a_dump_restored_into_a_new_cluster_has_everything_and_goes_on(  # noqa: PLR0917  # fixtures
    storage, open_storage, own_postgres, postgres_url, postgres_schema, words, postgres_programs
):
    for number in range(20):
        storage.commit(words.append(f"stay-{number % 3}", -1, words.event(tags=("room:12",))))
    expected = [row[0] for row in words.log(storage).rows]
    restored = own_postgres().url
    dump = run(postgres_programs / "pg_dump", "--schema", postgres_schema, "-d", postgres_url)
    run(postgres_programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", restored, stdin=dump)
    copy = open_storage(url=restored)
    copy.migrate("never")
    assert words.everything(copy) == expected
    assert words.positions(copy.commit(words.append("stay-1", -1))) == [max(expected) + 1]
    assert copy.head("") == max(expected) + 1
    copy.close()


def run(program: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    done = subprocess.run([program, *arguments], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
