-- Consumers, builds of read models and dead letters. None of it is an event: a writer's role changes these rows itself.
-- A read model's own tables (rm_…) are made when a build of it is registered.

create table @schema@.consumer (
  position bigint not null,
  token bigint not null,
  letters bigint not null,
  events bigint not null,
  lease_until timestamptz,
  moved_at timestamptz,
  event_id uuid,
  epoch uuid not null,
  partition integer not null,
  partitions integer not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  status text collate "C" not null,  -- running, paused or stopped
  owner text collate "C",
  fault json,
  primary key (tenant, name, partition)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
comment on table @schema@.consumer is
  'Where each consumer stands. A checkpoint is position, event_id and epoch (the id in table store); token fences its owner.';

create table @schema@.projection_build (
  head bigint not null,
  epoch bigint not null,
  created_at timestamptz,
  changed_at timestamptz,
  version integer not null,
  generation integer not null,
  previous_version integer,
  previous_generation integer,
  tenant text collate "C" not null,
  projection text collate "C" not null,
  state text collate "C" not null,  -- registered, building, verifying, standby, active, retiring, dropped or failed
  timing text collate "C" not null,  -- inline, catch_up or live
  fed text collate "C" not null,  -- consumer, sweep or inline
  code text collate "C" not null,
  definition json not null,
  verified json,
  primary key (tenant, projection, version, generation)
);
create unique index projection_build_active on @schema@.projection_build (tenant, projection) where state = 'active';

create table @schema@.dead_letter (
  id bigint generated always as identity,
  position bigint not null,
  parked_at timestamptz not null,
  settled_at timestamptz,
  event_id uuid not null,
  partition integer not null,
  attempts integer not null,
  tenant text collate "C" not null,
  consumer text collate "C" not null,
  lane text collate "C" not null,
  event_type text collate "C" not null,
  stream text collate "C",
  state text collate "C" not null,  -- parked, done or skipped
  actor text,
  reason text,
  error json not null,
  primary key (tenant, id)
);
create unique index dead_letter_parked on @schema@.dead_letter (tenant, consumer, lane, position) where state = 'parked';
create index dead_letter_consumer on @schema@.dead_letter (tenant, consumer, id);

-- Advisory locks of read models: bits 59 and 58, apart from the horizon's (62), the tags' (61) and the migrations' (60) keys.
-- The sequence's oid tells this store's keys from those of the other stores in the database.
create function @schema@.read_model_key_v1(p_kind bigint, p_tenant text, p_name text, p_key text) returns bigint
language sql stable as $body$
  select (1::bigint << 59) | (p_kind << 57)
    | (hashtextextended(p_key collate "C", hashtextextended(p_name collate "C",
        hashtextextended(p_tenant collate "C", '@schema@.position_seq'::regclass::oid::bigint))) & ((1::bigint << 57) - 1))
$body$;

-- Locks these documents, be they there or not. The caller reads them in a later statement, whose snapshot is newer than the
-- locks. More than 256 keys: one lock stands for all of the tenant's, as the server's lock table is small.
create function @schema@.lock_documents_v1(p_tenant text, p_table text, p_keys text[]) returns void
language plpgsql as $body$
declare
  v_key bigint;
begin
  if cardinality(p_keys) > 256 then
    perform pg_advisory_xact_lock(@schema@.read_model_key_v1(0, p_tenant, p_table, ''));
    return;
  end if;
  perform pg_advisory_xact_lock_shared(@schema@.read_model_key_v1(0, p_tenant, p_table, ''));
  for v_key in select distinct @schema@.read_model_key_v1(1, p_tenant, p_table, k) from unnest(p_keys) k order by 1 loop
    perform pg_advisory_xact_lock(v_key);
  end loop;
end
$body$;

-- The gate of inline projections, shared: every append that feeds one goes through it.
create function @schema@.enter_gate_v1(p_tenant text, p_projections text[]) returns void
language plpgsql as $body$
declare
  v_key bigint;
begin
  for v_key in select distinct @schema@.read_model_key_v1(2, p_tenant, p, '') from unnest(p_projections) p order by 1 loop
    perform pg_advisory_xact_lock_shared(v_key);
  end loop;
end
$body$;

-- The gate, alone: all that entered it have ended then. Appends queue behind this wait, so it is a short one.
create function @schema@.close_gate_v1(p_tenant text, p_projections text[]) returns void
language plpgsql set lock_timeout = '1s' as $body$
declare
  v_key bigint;
begin
  for v_key in select distinct @schema@.read_model_key_v1(2, p_tenant, p, '') from unnest(p_projections) p order by 1 loop
    perform pg_advisory_xact_lock(v_key);
  end loop;
end
$body$;

-- The stream's row as an append would lock it; null when there is none. A writer's role may not lock it by itself.
create function @schema@.lock_stream_v1(p_tenant text, p_stream text) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $body$
  select s.version from @schema@.stream s where s.tenant = p_tenant and s.name = p_stream and s.version > 0 for no key update
$body$;

revoke all on function
  @schema@.read_model_key_v1(bigint, text, text, text), @schema@.lock_documents_v1(text, text, text[]),
  @schema@.enter_gate_v1(text, text[]), @schema@.close_gate_v1(text, text[]), @schema@.lock_stream_v1(text, text) from public;

-- In a store that had roles before: who may append may write these, who may read events may read these.
do $do$
declare
  v_grantee text;
begin
  for v_grantee in
    select distinct a.grantee::regrole::text from pg_proc p, aclexplode(p.proacl) a
    where p.proname = 'append_v1' and p.pronamespace = to_regnamespace('@schema@') and a.grantee not in (0, p.proowner)
  loop
    execute 'grant insert, update, delete on @schema@.consumer, @schema@.projection_build, @schema@.dead_letter to ' || v_grantee;
    execute 'grant execute on function @schema@.read_model_key_v1(bigint, text, text, text), '
      '@schema@.lock_documents_v1(text, text, text[]), @schema@.enter_gate_v1(text, text[]), '
      '@schema@.close_gate_v1(text, text[]), @schema@.lock_stream_v1(text, text) to ' || v_grantee;
  end loop;
  for v_grantee in
    select distinct a.grantee::regrole::text from pg_class c, aclexplode(c.relacl) a
    where c.oid = '@schema@.event'::regclass and a.privilege_type = 'SELECT' and a.grantee not in (0, c.relowner)
  loop
    execute 'grant select on @schema@.consumer, @schema@.projection_build, @schema@.dead_letter to ' || v_grantee;
  end loop;
end
$do$;
