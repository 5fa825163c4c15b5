-- name: consumer_columns
-- A row as `control.py` reads it.
name, partition, partitions, position, event_id, epoch, token, owner, lease_until, status, fault, letters, events, moved_at

-- name: move
-- A checkpoint's compare-and-set. Primary key, and that of the log for an event's id.
update everfold_consumer set
  position = :position,
  event_id = coalesce(:event_id, (
    select everfold_event.event_id from everfold_event
    where everfold_event.position = :position and everfold_event.tenant = :tenant)),
  events = events + :events,
  letters = letters + :parked,
  lease_until = max(lease_until, :renewed),
  moved_at = :now
where tenant = :tenant and name = :name and partition = :partition
  and token = :token and position = :since and letters = :letters and status = 'running'

-- name: all_consumers
-- Every consumer of a tenant. Primary key.
select {columns} from everfold_consumer where tenant = ? order by name, partition

-- name: consumers
-- These consumers of a tenant. Primary key.
select {columns} from everfold_consumer where tenant = ? and name in (select value from json_each(?)) order by name, partition

-- name: consumer
-- One partition of one consumer. Primary key.
select {columns} from everfold_consumer where tenant = ? and name = ? and partition = ?

-- name: save_consumer
-- A whole row; without an epoch it gets the store's own. Primary key.
insert or replace into everfold_consumer (tenant, {columns})
values (?, ?, ?, ?, ?, ?, coalesce(?, (select id from everfold_store)), ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delete_consumers
-- The rows of these consumers. Primary key.
delete from everfold_consumer where tenant = ? and name in (select value from json_each(?))

-- name: delete_letters
-- Their letters. Index: everfold_dead_letter_consumer.
delete from everfold_dead_letter where tenant = ? and consumer in (select value from json_each(?))

-- name: lease
-- Taken or renewed, if it is free. Primary key.
update everfold_consumer set token = token + (owner is not :owner), owner = :owner, lease_until = :until
where tenant = :tenant and name = :name and partition = :partition
  and (owner is null or owner = :owner or lease_until <= :now)

-- name: release
-- Every lease of an owner. Primary key.
update everfold_consumer set owner = null, lease_until = 0 where tenant = ? and owner = ?

-- name: identity
-- The store's own id. Primary key.
select id from everfold_store

-- name: event_id
-- The id of the event at a position. Primary key.
select event_id from everfold_event where position = ? and tenant = ?

-- name: build_columns
-- A row as `control.py` reads it.
projection, version, generation, state, timing, fed, code, definition, head, epoch, previous_version, previous_generation, verified, created_at, changed_at

-- name: all_builds
-- Every build of a tenant. Primary key.
select {columns} from everfold_projection_build where tenant = ? order by projection, version, generation

-- name: target_used
-- Whether a build of any tenant stands at a target.
select exists (select 1 from everfold_projection_build
  where projection = ? and version = ? and generation = ? and state <> 'dropped')

-- name: builds
-- The builds of these projections. Primary key.
select {columns} from everfold_projection_build
where tenant = ? and projection in (select value from json_each(?)) order by projection, version, generation

-- name: save_build
-- A whole row. Primary key; the index of active builds refuses a second one.
insert into everfold_projection_build (tenant, {columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (tenant, projection, version, generation) do update set
  state = excluded.state, timing = excluded.timing, fed = excluded.fed, code = excluded.code,
  definition = excluded.definition, head = excluded.head, epoch = excluded.epoch,
  previous_version = excluded.previous_version, previous_generation = excluded.previous_generation,
  verified = excluded.verified, created_at = excluded.created_at, changed_at = excluded.changed_at

-- name: active_build
-- The build that readers ask. Index: everfold_projection_build_active.
select version, generation from everfold_projection_build where tenant = ? and projection = ? and state = 'active'

-- name: letter_columns
-- A row as `control.py` reads it.
id, consumer, partition, lane, position, event_id, event_type, stream, error, attempts, state, parked_at, settled_at, actor, reason

-- name: park
-- A letter, unless it is parked already. Index: everfold_dead_letter_parked.
insert into everfold_dead_letter
  (tenant, consumer, partition, lane, position, event_id, event_type, stream, error, attempts, state, parked_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'parked', ?)
on conflict (tenant, consumer, lane, position) where state = 'parked' do nothing

-- name: settle
-- A parked letter ends. Primary key.
update everfold_dead_letter set state = ?, settled_at = ?, actor = ?, reason = ?
where id = ? and tenant = ? and state = 'parked'

-- name: letters
-- A tenant's letters, those of one consumer by index everfold_dead_letter_consumer; {where} restricts them further.
select {columns} from everfold_dead_letter where tenant = ? and id > ?{where} order by id limit ?

-- name: take_write_lock
-- Changes nothing, but takes the lock that a transaction of the caller's own may not have yet.
update everfold_store set id = id where singleton = 0

-- name: table_exists
-- Whether there is a table of this name.
select exists (select 1 from sqlite_master where type = 'table' and name = ?)

-- name: tables_like
-- The tables whose names begin with a text.
select name from sqlite_master where type = 'table' and substr(name, 1, length(?1)) = ?1

-- name: table_columns
-- A table's columns, in their order.
select name from pragma_table_info(?) order by cid
