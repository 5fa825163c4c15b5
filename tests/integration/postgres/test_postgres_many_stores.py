"""Many stores in one database: no two of them have the same lock keys."""

from __future__ import annotations

from everfold.storage.postgres.store import PostgresStorage

KEY_SPACES = 16384


def test_a_new_store_never_gets_the_lock_keys_of_another(open_storage, connect, postgres_schema, postgres_url):
    """The server gives out oids in order, and the one that the new store would get first is arranged to collide."""
    open_storage().migrate("create")
    session = connect(autocommit=True)
    names = [f"{postgres_schema}_{name}" for name in ("rehearsal", "twin")]
    try:
        before = next_oid(session)
        create_store(postgres_url, names[0])
        steps = sequence_oid(session, names[0]) - before
        taken = sequence_oid(session, postgres_schema)
        arrange(session, taken - steps)
        create_store(postgres_url, names[1])
        assert sequence_oid(session, names[1]) % KEY_SPACES != taken % KEY_SPACES
    finally:
        for name in names:
            session.execute(f"drop schema if exists {name} cascade")


def create_store(url, schema) -> None:
    storage = PostgresStorage(url, schema=schema)
    try:
        storage.migrate("create")
    finally:
        storage.close()


def sequence_oid(session, schema) -> int:
    return session.execute("select %s::regclass::oid::bigint", [f"{schema}.position_seq"]).fetchone()[0]


def arrange(session, oid) -> None:
    """Have the next oid be this one in the key space; the server's own upkeep takes some too, in between."""
    for _ in range(20):
        burn_oids(session, max(0, (oid - next_oid(session) - 50) % KEY_SPACES))
        if any(next_oid(session) % KEY_SPACES == oid % KEY_SPACES for _ in range(100)):
            return
    raise AssertionError("somebody else takes oids all the time")


def next_oid(session) -> int:
    oid = session.execute("select lo_create(0)::bigint").fetchone()[0]
    session.execute("select lo_unlink(%s::bigint::oid)", [oid])
    return oid


def burn_oids(session, count) -> None:
    session.execute("select count(lo_unlink(lo_create(0))) from generate_series(1, %s)", [count])
