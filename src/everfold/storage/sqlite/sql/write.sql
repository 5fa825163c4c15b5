-- name: find_stream
-- Where the stream stands, before it is read or written. Index: unique (tenant, name).
select id, version, status, truncated_before from everfold_stream where tenant = ? and name = ?

-- name: insert_stream
-- A stream's first event: tenant, name, category, version, created_at, updated_at.
insert into everfold_stream (tenant, name, category, version, created_at, updated_at) values (?, ?, ?, ?, ?, ?)

-- name: advance_stream
-- The stream's version after an append. Primary key.
update everfold_stream set version = ?, updated_at = ? where id = ?

-- name: advance_expected
-- The same, only when the stream is open and stands at the expected version. Primary key.
update everfold_stream set version = ?, updated_at = ?
where id = ? and version = ? and tenant = ? and name = ? and status = 'open'

-- name: update_stream
-- Where the stream stands after a mark, and the appends beside it. Primary key.
update everfold_stream set version = ?, truncated_before = ?, status = ?, updated_at = ? where id = ?

-- name: insert_event
-- One event; its position is the next one ever given.
insert into everfold_event (tenant, stream_id, version, type, schema_version, event_id, recorded_at, tags, metadata, data)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_tag
-- One tag of one event.
insert into everfold_event_tag (tenant, tag, position) values (?, ?, ?)

-- name: upsert_snapshot
-- A snapshot replaces one of a lower version, or of another schema version. Primary key.
insert into everfold_snapshot (tenant, stream, name, schema_version, version, data) values (?, ?, ?, ?, ?, ?)
on conflict (tenant, stream, name) do update
set schema_version = excluded.schema_version, version = excluded.version, data = excluded.data
where excluded.version > everfold_snapshot.version or excluded.schema_version <> everfold_snapshot.schema_version

-- name: find_event_id
-- Where an id is stored. Index: unique (tenant, event_id).
select everfold_event.position, everfold_stream.name, everfold_event.version, everfold_event.recorded_at
from everfold_event left join everfold_stream on everfold_stream.id = everfold_event.stream_id
where everfold_event.tenant = ? and everfold_event.event_id = ?
