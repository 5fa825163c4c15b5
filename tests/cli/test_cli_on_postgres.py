"""The command line over PostgreSQL: the same answers, and what only a server can do."""

from __future__ import annotations

import json
import signal
from urllib.parse import urlsplit

import psycopg
import pytest

from everfold import EventStore


@pytest.fixture
def empty(postgres_url, postgres_schema):
    """A schema that isn't there yet."""
    return f"{postgres_url}{'&' if urlsplit(postgres_url).query else '?'}schema={postgres_schema}"


@pytest.fixture
def url(folder, empty):
    """A store without events: what the other fixtures of this folder write to, in place of a file."""
    with EventStore.open(empty):
        return empty


def test_a_schema_is_looked_at_made_and_found_done(run, empty):
    pending = run("migrate", "--check", "--json", db=empty)
    assert (pending.code, pending.data["found"], pending.data["pending"] != []) == (1, 0, True)
    made = run("migrate", "--json", db=empty)
    assert (made.code, made.data["applied"]) == (0, pending.data["pending"])
    assert run("migrate", "--check", "--json", db=empty).data["pending"] == []


@pytest.mark.parametrize("command", [["append", "s-1", "t"], ["read", "--all"], ["tail"], ["streams"], ["types"]])
def test_a_command_that_does_not_migrate_says_which_one_does(run, empty, postgres_url, postgres_schema, command):
    done = run(*command, db=empty)
    assert (done.code, done.out, "migrate" in done.err) == (2, "", True)
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("select 1 from pg_namespace where nspname = %s", [postgres_schema]).fetchall()
    assert found == []


def test_the_sql_run_by_hand_is_the_migration(run, empty, postgres_url):
    script = run("migrate", "--sql", db=empty)
    assert script.code == 0
    assert run("migrate", "--sql", "--json", db=empty).data["sql"] == script.out
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(script.out)
    assert run("migrate", "--check", db=empty).code == 0
    assert run("append", "stay-1", "booked", db=empty).code == 0


def test_events_are_appended_read_listed_and_counted(run, url):
    first = run("append", "stay-1", "booked", "-d", '{"room": 12}', "--tag", "room:12", "--json", db=url).data
    assert (first["version"], first["repeated"]) == (1, False)
    again = run(
        "append", "stay-1", "booked", "-d", '{"room": 12}', "--tag", "room:12", "--id", first["id"], "--json", db=url
    )
    assert again.data == {**first, "repeated": True}
    assert run("append", "stay-1", "moved", "--expect", "7", db=url).code == 3
    assert [row[4] for row in run("read", "stay-1", db=url).rows] == ["booked"]
    assert [row[4] for row in run("read", "--all", "--tag", "room:12", "--backwards", db=url).rows] == ["booked"]
    assert [row[:3] for row in run("streams", db=url).rows] == [["stay-1", "1", "open"]]
    assert [row[:3] for row in run("types", db=url).rows] == [["booked", "1", "1"]]
    assert run("read", "stay-2", db=url).code == 4


def test_tail_follows_what_another_process_writes_and_ends_on_ctrl_c(start, run, url):
    process = start("tail", "--json", db=url)
    assert process.stderr.readline().startswith("following after position 0")
    run("append", "stay-1", "booked", db=url)
    assert json.loads(process.stdout.readline())["type"] == "booked"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


def test_a_projection_is_fed_rebuilt_verified_promoted_rolled_back_and_retired(run, write, url, hotel):
    for number in range(8):
        write(f"stay-{number}", "checked_in", {"guest": f"g{number}", "room": number % 4})
    assert run("worker", "--once", "--json", "--app", hotel(), db=url).data["projections"][0]["events"] == 8
    planned = run("projections", "rebuild", "occupancy", "--dry-run", "--app", hotel(2), db=url)
    assert planned.rows[0][1].startswith("build occupancy@2 from the beginning of the log")
    assert run("projections", "rebuild", "occupancy", "--json", "--app", hotel(2), db=url).code == 0
    assert run("projections", "verify", "occupancy", "--json", db=url).data["equal"] is True
    assert run("projections", "promote", "occupancy", "--json", db=url).code == 0
    assert run("projections", "rollback", "occupancy", "--json", db=url).code == 0
    assert run("projections", "promote", "occupancy", db=url).code == 0
    assert run("projections", "retire", "occupancy", "--yes", "--json", db=url).code == 0
    assert [row[:4] for row in run("projections", "list", db=url).rows] == [
        ["occupancy", "2", "1", "active"],
        ["stays", "1", "1", "active"],
    ]


def test_parked_events_are_retried_and_skipped(run, write, url, hotel):
    for number in range(4):
        write(f"stay-{number}", "checked_in", {"guest": f"g{number}", "room": 1})
    assert run("worker", "--once", "--app", hotel(broken="g1", parking=True), db=url).code == 0
    first, *others = [row[0] for row in run("deadletters", "list", db=url).rows]
    assert len(others) == 2
    assert run("deadletters", "show", first, "--json", db=url).data["behind"] == [int(other) for other in others]
    assert run("deadletters", "skip", first, "--reason", "no guest", "--yes", "--json", db=url).code == 0
    assert run("deadletters", "retry", "--all", "--json", "--app", hotel(), db=url).data["done"] == 2


def test_two_workers_share_what_there_is_and_drain(start, run, write, url, hotel):
    write("stay-1", "checked_in", {"guest": "g1", "room": 1})
    app = hotel()
    workers = [start("worker", "--app", app, db=url) for _ in range(2)]
    for worker in workers:
        next(line for line in worker.stderr if " holds " in line)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    assert [worker.communicate(timeout=60)[1].count("drained") for worker in workers] == [1, 1]
    assert {row[10] for row in run("projections", "list", db=url).rows} == {""}


@pytest.mark.parametrize("what", ["append", "read", "load"])
def test_a_bench_makes_its_schema_and_measures(run, empty, what):
    done = run("bench", what, "--duration", "0.05", "--concurrency", "2", "--json", db=empty)
    assert (done.code, done.data["operations"] > 0) == (0, True)
    assert run("bench", "append", "--duration", "0.05", db=empty).code == 6


def test_a_wrong_password_is_told_without_it(run, own_postgres):
    server = own_postgres()
    rules = server.data / "pg_hba.conf"
    rules.write_text(f"local all ann scram-sha-256\nhost all ann all scram-sha-256\n{rules.read_text()}")
    with psycopg.connect(server.url, autocommit=True) as connection:
        host, port = connection.info.host, connection.info.port
        connection.execute("create role ann login superuser password 'correct-horse'")
        connection.execute("select pg_reload_conf()")
    url = f"postgresql://ann:{{}}@/postgres?host={host}&port={port}"
    assert run("migrate", db=url.format("correct-horse")).code == 0
    for more in ([], ["-v"], ["--json"]):
        done = run("streams", *more, db=url.format("tr0ub4dor"))
        told = done.out + done.err
        assert (done.code, "tr0ub4dor" in told, "password authentication failed" in told) == (5, False, True)


@pytest.mark.parametrize("secret", ["tr0ub4dor", "p@ss:w/rd", "p%40ss%3Aword", "xy"])
def test_a_server_that_is_not_there_is_told_without_the_password(run, folder, secret):
    url = f"postgresql://ann:{secret}@/db?host={folder}"
    for more in ([], ["-v"], ["--json"]):
        done = run("streams", *more, db=url)
        assert done.code in (2, 5)
        assert f":{secret}@" not in done.out + done.err
    assert run("streams", "--json", db=f"postgresql://ann@/db?host={folder}").error["code"] == "storage_unavailable"
