-- name: identity
-- Which store this is.
select id from @schema@.store

-- name: event_id
-- The id of the event at one position, by primary key.
select e.event_id from @schema@.event e where e.tenant = $1 and e.position = $2

-- name: move
-- A checkpoint's compare-and-set, by primary key. It waits for a rival's transaction and judges the row as that left it.
update @schema@.consumer c
set position = $6, events = c.events + $8, letters = c.letters + $9, moved_at = w.moment,
    event_id = coalesce($7::uuid, (select e.event_id from @schema@.event e where e.tenant = $1 and e.position = $6)),
    lease_until = case when $10::bigint > 0 then greatest(c.lease_until, w.moment + $10 * interval '1 microsecond')
                       else c.lease_until end
from (select coalesce($11::timestamptz, clock_timestamp()) as moment) w
where c.tenant = $1 and c.name = $2 and c.partition = $3::integer and c.token = $4 and c.position = $5
  and c.letters = $12 and c.status = 'running'
returning c.name

-- name: consumer_rows
-- Every consumer of a tenant.
select @consumer@ from @schema@.consumer c where c.tenant = $1 order by c.name, c.partition

-- name: consumers_locked
-- Some consumers, locked in one order.
select @consumer@ from @schema@.consumer c where c.tenant = $1 and c.name = any ($2) order by c.name, c.partition for update

-- name: save_consumer
-- A whole row.
insert into @schema@.consumer
  (tenant, name, partition, partitions, position, event_id, epoch, token, owner, lease_until, status, fault, letters, events, moved_at)
values ($1, $2, $3::integer, $4::integer, $5, $6, coalesce($7::uuid, (select id from @schema@.store)), $8, $9,
        $10, $11, $12::text::json, $13, $14, $15)
on conflict (tenant, name, partition) do update
set partitions = excluded.partitions, position = excluded.position, event_id = excluded.event_id, epoch = excluded.epoch,
    token = excluded.token, owner = excluded.owner, lease_until = excluded.lease_until, status = excluded.status,
    fault = excluded.fault, letters = excluded.letters, events = excluded.events, moved_at = excluded.moved_at

-- name: delete_consumers
-- The rows of some consumers.
delete from @schema@.consumer c where c.tenant = $1 and c.name = any ($2)

-- name: delete_letters
-- And their dead letters.
delete from @schema@.dead_letter d where d.tenant = $1 and d.consumer = any ($2)

-- name: lease
-- One atomic step. The owner's own rows are waited for, as its batch may hold them; a row that another holds is not: its
-- owner is at work, and whoever would wait for it could lease nothing else meanwhile.
with wanted as materialized (
  select w.name, w.partition, coalesce($6::timestamptz, clock_timestamp()) as moment
  from unnest($3::text[], $4::integer[]) w(name, partition)
), own as materialized (
  select c.name, c.partition from @schema@.consumer c join wanted w on c.tenant = $1 and c.name = w.name and c.partition = w.partition
  where c.owner = $2 order by c.name, c.partition for update of c
), free as materialized (
  select c.name, c.partition from @schema@.consumer c join wanted w on c.tenant = $1 and c.name = w.name and c.partition = w.partition
  where c.owner is null or (c.owner <> $2 and coalesce(c.lease_until <= w.moment, true))
  order by c.name, c.partition for update of c skip locked
), taken as (
  update @schema@.consumer c
  set token = c.token + (c.owner is distinct from $2)::integer, owner = $2,
      lease_until = coalesce($6::timestamptz, clock_timestamp()) + $5 * interval '1 microsecond'
  from (select * from own union select * from free) t
  where c.tenant = $1 and c.name = t.name and c.partition = t.partition
  returning @consumer@
)
select * from taken order by name, partition

-- name: release
-- Every lease of an owner, its rows locked in one order.
update @schema@.consumer c set owner = null, lease_until = null
where c.tenant = $1 and c.owner = $2 and (c.name, c.partition) in (
  select o.name, o.partition from @schema@.consumer o where o.tenant = $1 and o.owner = $2 order by o.name, o.partition for update)

-- name: build_rows
-- Every build of a tenant.
select @build@ from @schema@.projection_build b where b.tenant = $1 order by b.projection, b.version, b.generation

-- name: builds_of
-- The builds of some projections as they are now.
select @build@ from @schema@.projection_build b where b.tenant = $1 and b.projection = any ($2)
order by b.projection, b.version, b.generation

-- name: lock_builds
-- The right to make and change builds of these projections, those that are not there yet too. In one order.
select pg_advisory_xact_lock(one.key)
from (select distinct @schema@.read_model_key_v1(3, $1, p, '') as key from unnest($2::text[]) p order by 1 offset 0) one

-- name: target_used
-- Whether a build of any tenant stands at a target.
select exists (select from @schema@.projection_build b
  where b.projection = $1 and b.version = $2 and b.generation = $3 and b.state <> 'dropped')

-- name: builds_locked
-- The builds of some projections, locked in one order.
select @build@ from @schema@.projection_build b where b.tenant = $1 and b.projection = any ($2)
order by b.projection, b.version, b.generation for update

-- name: save_build
-- A whole row. A second active one breaks projection_build_active.
insert into @schema@.projection_build
  (tenant, projection, version, generation, state, timing, fed, code, definition, head, epoch, previous_version,
   previous_generation, verified, created_at, changed_at)
values ($1, $2, $3::integer, $4::integer, $5, $6, $7, $8, $9::text::json, $10, $11, $12::integer, $13::integer, $14::text::json,
        $15, $16)
on conflict (tenant, projection, version, generation) do update
set state = excluded.state, timing = excluded.timing, fed = excluded.fed, code = excluded.code, definition = excluded.definition,
    head = excluded.head, epoch = excluded.epoch, previous_version = excluded.previous_version,
    previous_generation = excluded.previous_generation, verified = excluded.verified, created_at = excluded.created_at,
    changed_at = excluded.changed_at

-- name: active_build
-- The build that readers of a projection are given, by projection_build_active.
select b.version, b.generation from @schema@.projection_build b where b.tenant = $1 and b.projection = $2 and b.state = 'active'

-- name: park
-- Letters in their order, which their ids keep; one that is parked already stays.
insert into @schema@.dead_letter
  (tenant, consumer, partition, lane, position, event_id, event_type, stream, error, attempts, state, parked_at)
select $1, u.consumer, u.partition, u.lane, u.position, u.event_id, u.event_type, u.stream, u.error::json, u.attempts, 'parked',
       coalesce($11::timestamptz, clock_timestamp())
from unnest($2::text[], $3::integer[], $4::text[], $5::bigint[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::integer[])
     with ordinality u(consumer, partition, lane, position, event_id, event_type, stream, error, attempts, place)
order by u.place
on conflict (tenant, consumer, lane, position) where state = 'parked' do nothing

-- name: settle
-- The end of parked letters.
update @schema@.dead_letter d
set state = $3, actor = $4, reason = $5, settled_at = coalesce($6::timestamptz, clock_timestamp())
where d.tenant = $1 and d.id = any ($2) and d.state = 'parked'

-- name: parked_letters
-- What is parked for a consumer, by dead_letter_consumer.
select @letter@ from @schema@.dead_letter d
where d.tenant = $1 and d.consumer = $2 and d.state = 'parked' and ($3::text is null or d.lane = $3) order by d.id limit $4

-- name: letter_rows
-- Letters by id.
select @letter@ from @schema@.dead_letter d
where d.tenant = $1 and ($2::text is null or d.consumer = $2) and ($3::text is null or d.state = $3) and d.id > $4
order by d.id limit $5

-- name: lock_documents
-- Their keys, locked; they are read in a later statement.
select @schema@.lock_documents_v1($1, $2, $3)

-- name: enter_gate
-- Shared.
select @schema@.enter_gate_v1($1, $2)

-- name: close_gate
-- Alone.
select @schema@.close_gate_v1($1, $2)

-- name: lock_stream
-- A stream's version, its row locked.
select @schema@.lock_stream_v1($1, $2)

-- name: lock_timeout
-- How long this transaction waits for a lock.
select current_setting('lock_timeout')

-- name: set_lock_timeout
-- For the rest of the transaction.
select set_config('lock_timeout', $1, true)

-- name: lock_targets
-- One transaction at a time makes or drops tables of a projection.
select pg_advisory_xact_lock(@schema@.read_model_key_v1(3, '', $1, ''))

-- name: table_exists
-- Whether there is a relation of this name.
select to_regclass($1) is not null

-- name: view_comment
-- What the view says about itself; null when there is none.
select obj_description(to_regclass($1), 'pg_class')

-- name: target_tables
-- Tables whose names begin so, with their columns and types.
select c.relname::text, (select array_agg(array[a.attname::text, format_type(a.atttypid, null)] order by a.attnum)
                         from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind = 'r' and starts_with(c.relname::text, $2) order by c.relname

-- name: grants
-- The statements that give roles on a relation what they have on table consumer; on a view only to select.
select format('grant %s on %s to %s', lower(a.privilege_type), $1::text,
              case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
where c.oid = '@schema@.consumer'::regclass and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
  and (a.privilege_type = 'SELECT' or not $2::boolean) and a.grantee <> (select r.oid from pg_roles r where r.rolname = current_user)
