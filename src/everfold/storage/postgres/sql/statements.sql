-- name: setup
-- Once per connection: the horizon needs a new snapshot for each statement, and no append waits for ever.
select set_config('default_transaction_isolation', 'read committed', false), set_config('lock_timeout', $1, false),
       set_config('jit', 'off', false), set_config('timezone', 'UTC', false)

-- name: append_one
-- One event to one stream.
select version, first_position, positions, recorded_at
from @schema@.append_one_v1($1, $2, $3, $4, $5, $6, $7::integer, $8, $9, $10)

-- name: append
-- One append to one stream, of any number of events.
select version, first_position, positions, recorded_at
from @schema@.append_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: append_many
-- Group commit: appends to distinct streams, each with its own verdict.
select verdicts, versions, first_position, positions, recorded_at
from @schema@.append_many_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: commit
-- A whole unit.
select versions, first_position, positions, recorded_at
from @schema@.commit_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)

-- name: stored_places
-- Where event ids are stored, by the unique index; asked only after a refusal.
select e.event_id, e.position, s.name, e.version, e.recorded_at
from @schema@.event e left join @schema@.stream s on s.id = e.stream_id
where e.tenant = $1 and e.event_id = any ($2)

-- name: last_drawn
-- The horizon's first look.
select @schema@.last_drawn_v1()

-- name: lowest_open
-- The horizon's second look.
select @schema@.lowest_open_v1()

-- name: open_appends
-- What the tracker compares: changes when an append ends.
select appends, fingerprint from @schema@.open_appends_v1()

-- name: page
-- The horizon's third statement, and by itself the contiguous prefix: rows by (tenant, position).
select @event@ from @schema@.event e
where e.tenant = $1 and e.position > $2 and e.position <= $3 order by e.position limit $4

-- name: page_backwards
-- The same, from above.
select @event@ from @schema@.event e
where e.tenant = $1 and e.position > $2 and e.position <= $3 order by e.position desc limit $4

-- name: first_position
-- The lowest position of a stored event between two bounds, by (tenant, position).
select e.position from @schema@.event e
where e.tenant = $1 and e.position > $2 and e.position <= $3 order by e.position limit 1

-- name: last_position
-- The highest one.
select e.position from @schema@.event e
where e.tenant = $1 and e.position > $2 and e.position <= $3 order by e.position desc limit 1

-- name: names
-- Names of streams that the cache lacks, by primary key.
select s.id, s.name from @schema@.stream s where s.id = any ($1) and s.tenant = $2

-- name: stream_forwards
-- A stream and its events in one round trip, by (tenant, name) and (stream_id, version).
select e.*, s.version, s.status from @schema@.stream s
left join lateral (
  select @event@ from @schema@.event e
  where e.stream_id = s.id and e.version > greatest($3, s.truncated_before - 1) and e.version <= $4
  order by e.version limit $5) e on true
where s.tenant = $1 and s.name = $2 order by e.version

-- name: stream_backwards
-- The same, from the end.
select e.*, s.version, s.status from @schema@.stream s
left join lateral (
  select @event@ from @schema@.event e
  where e.stream_id = s.id and e.version > greatest($3, s.truncated_before - 1) and e.version <= $4
  order by e.version desc limit $5) e on true
where s.tenant = $1 and s.name = $2 order by e.version desc

-- name: stream_row
-- A stream's own row, by (tenant, name).
select s.name, s.version, s.status, s.created_at, s.updated_at, s.truncated_before
from @schema@.stream s where s.tenant = $1 and s.name = $2 and s.version > 0

-- name: stream_rows
-- Streams by name, by (tenant, name).
select s.name, s.version, s.status, s.created_at, s.updated_at, s.truncated_before
from @schema@.stream s where s.tenant = $1 and s.name > $2 and s.version > 0 order by s.name limit $3

-- name: category_rows
-- Streams of one category by name, by (tenant, name): they lie between it and it with the character after the hyphen.
select s.name, s.version, s.status, s.created_at, s.updated_at, s.truncated_before
from @schema@.stream s
where s.tenant = $1 and s.name >= $4 and s.name < $4 || '.' and s.category = $4 and s.name > $2 and s.version > 0
order by s.name limit $3

-- name: type_counts
-- Every (type, schema version) with its count. Scans the tenant's log.
select e.type, e.schema_version, count(*) from @schema@.event e
where e.tenant = $1 group by e.type, e.schema_version order by e.type, e.schema_version

-- name: load_snapshot
-- One snapshot, by primary key.
select k.version, k.data from @schema@.snapshot k
where k.tenant = $1 and k.stream = $2 and k.name = $3 and k.schema_version = $4

-- name: self_test
-- What would break the horizon.
select @schema@.self_test_v1()

-- name: schema_objects
-- Whether the schema is there, has a migration table, and has relations at all.
select n.oid is not null, exists (select from pg_class c where c.relnamespace = n.oid and c.relname = 'migration'),
       exists (select from pg_class c where c.relnamespace = n.oid)
from (select 1) one left join pg_namespace n on n.nspname = $1

-- name: applied_migrations
-- What was applied, in order.
select version, name, checksum from @schema@.migration order by version

-- name: record_migration
-- One migration applied.
insert into @schema@.migration (version, name, checksum) values ($1, $2, $3)

-- name: lock_migrations
-- Processes that start together migrate one after the other.
select pg_advisory_xact_lock($1)

-- name: listen
-- Be woken by other processes.
listen @channel@

-- name: announce
-- Wake the other processes; its own transaction, never inside an append's.
notify @channel@
