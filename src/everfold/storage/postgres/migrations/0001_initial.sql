-- The first schema: what sql/schema/ held at its release. Applied somewhere already: never edit it.
-- The tables. The tenant stands in every one and leads every key; events and their tags are only ever inserted.
-- No check constraints and no generated columns: the server plans each anew in every statement, and only the functions of
-- this schema write here.

-- The low bits of the sequence's oid tell this store's lock keys from those of the other stores in the database, so a
-- sequence whose bits are taken is drawn again. (A store takes about 126 oids: of 130 made in a row, two would have met.)
do $body$
begin
  for v_attempt in 1 .. 100 loop
    create sequence @schema@.position_seq as bigint cache 1;
    exit when v_attempt = 100 or not exists (
      select from pg_class c
      where c.relname = 'position_seq' and c.relkind = 'S' and c.oid <> to_regclass('@schema@.position_seq')
        and (c.oid::bigint & 16383) = (to_regclass('@schema@.position_seq')::oid::bigint & 16383));
    drop sequence @schema@.position_seq;
  end loop;
end
$body$;
comment on sequence @schema@.position_seq is
  'Places in the store. CACHE must stay 1: the horizon relies on values being drawn in the order they are given out.';

create table @schema@.store (
  singleton boolean primary key default true check (singleton),
  id uuid not null default gen_random_uuid(),
  created_at timestamptz not null default clock_timestamp()
);
comment on table @schema@.store is 'One row: which store this is. Also the lock that stands for all tags at once.';
insert into @schema@.store default values;

create table @schema@.migration (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default clock_timestamp()
);

create table @schema@.stream (
  id bigint generated always as identity primary key,
  version bigint not null,
  truncated_before bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  category text collate "C" not null,
  status text collate "C" not null default 'open',  -- open, tombstoned or archived
  unique (tenant, name)
) with (fillfactor = 70);

create table @schema@.event (
  position bigint not null,
  stream_id bigint,
  version bigint,
  recorded_at timestamptz not null,
  event_id uuid not null,
  schema_version integer not null,
  tenant text collate "C" not null,
  type text collate "C" not null,
  data bytea not null,
  metadata bytea not null,
  tags text,
  constraint event_pkey primary key (tenant, position),
  constraint event_stream_version unique (stream_id, version),
  constraint event_id_unique unique (tenant, event_id)
) with (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create table @schema@.event_tag (
  position bigint not null,
  tenant text collate "C" not null,
  tag text collate "C" not null,
  constraint event_tag_pkey primary key (tenant, tag, position)
) with (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create table @schema@.snapshot (
  version bigint not null,
  schema_version integer not null,
  created_at timestamptz not null default clock_timestamp(),
  tenant text collate "C" not null,
  stream text collate "C" not null,
  name text collate "C" not null,
  data bytea not null,
  primary key (tenant, stream, name)
);

-- lz4 reads and writes three times as fast as pglz; a server built without it keeps pglz.
do $do$
begin
  alter table @schema@.event alter data set compression lz4, alter metadata set compression lz4;
  alter table @schema@.snapshot alter data set compression lz4;
exception when feature_not_supported then null;
end
$do$;

-- For people and their SQL; the library never reads it.
create view @schema@.events as
select e.tenant, e.position, s.name as stream, e.version, e.type, e.schema_version, e.event_id, e.recorded_at,
       convert_from(e.data, 'UTF8')::jsonb as data, convert_from(e.metadata, 'UTF8')::jsonb as metadata, e.tags::jsonb as tags
from @schema@.event e left join @schema@.stream s on s.id = e.stream_id;
-- The lock horizon: no reader is given a position below which another can still appear.
--
-- A writer locks the last drawn position (shared) and draws its own only after that, so each of its positions is greater
-- than the key of a lock that it holds until its events are visible. A reader looks at the last drawn position, THEN at the
-- lowest key held, THEN, in a later snapshot, at the rows: whatever is at most the lesser of the two looks is final.

-- Once per transaction and savepoint: the setting is undone with the savepoint, as the lock is. Its value is the
-- transaction's id, so a value that was left behind means nothing. The key: bit 62, 14 bits of the sequence's oid that say
-- whose horizon it is, and 48 of the position.
-- All of it are assignments: plpgsql evaluates those by itself, while each PERFORM is a query of its own.
create function @schema@.enter_horizon_v1() returns boolean
language plpgsql as $body$
declare
  v_setting constant text := 'everfold.horizon_' || '@schema@.position_seq'::regclass::oid;
  v_transaction constant text := pg_current_xact_id();
  v_locked boolean;
begin
  if current_setting(v_setting, true) is distinct from v_transaction then
    -- parentheses matter: << | & share one precedence
    v_locked := pg_advisory_xact_lock_shared(
      (1::bigint << 62) | (('@schema@.position_seq'::regclass::oid::bigint & 16383) << 48)
      | coalesce(pg_sequence_last_value('@schema@.position_seq'), 0)) is not null;
    v_locked := set_config(v_setting, v_transaction, true) is not null;
  end if;
  return true;
end
$body$;

create function @schema@.last_drawn_v1() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $body$
  select coalesce(pg_sequence_last_value('@schema@.position_seq'), 0)
$body$;

-- The lowest key that an open append holds; null when none is open.
create function @schema@.lowest_open_v1() returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp as $body$
  select min(((l.classid::bigint & 65535) << 32) | l.objid::bigint)
  from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ShareLock'
    and (l.classid::bigint >> 16) = ((1 << 14) | ('@schema@.position_seq'::regclass::oid::bigint & 16383))
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
$body$;

-- A value that changes whenever an append is finished while nothing is drawn: how many are open, and where.
create function @schema@.open_appends_v1(out appends bigint, out fingerprint text)
language sql volatile security definer set search_path = pg_catalog, pg_temp as $body$
  select count(*), string_agg(l.objid || ':' || coalesce(l.pid, 0) || ':' || l.virtualtransaction, ',' order by l.objid, l.pid)
  from pg_locks l
  where l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ShareLock'
    and (l.classid::bigint >> 16) = ((1 << 14) | ('@schema@.position_seq'::regclass::oid::bigint & 16383))
    and l.database = (select d.oid from pg_database d where d.datname = current_database())
$body$;

-- What would break the horizon, found before anything is written: run once when a store opens.
create function @schema@.self_test_v1() returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
  v_problems text[] := '{}';
  v_before bigint;
  v_open bigint;
  v_other text;
begin
  v_before := @schema@.last_drawn_v1();
  perform @schema@.enter_horizon_v1();
  v_open := @schema@.lowest_open_v1();
  if v_open is null or v_open > @schema@.last_drawn_v1() then
    v_problems := v_problems || format('a horizon lock that was taken at position %s is seen at %s', v_before, v_open);
  end if;
  if (select q.seqcache <> 1 or q.seqincrement <> 1 or q.seqcycle
      from pg_sequence q where q.seqrelid = '@schema@.position_seq'::regclass) then
    v_problems := v_problems || 'the sequence position_seq must have CACHE 1, INCREMENT 1 and NO CYCLE'::text;
  end if;
  select c.oid::regclass into v_other from pg_class c
  where c.relname = 'position_seq' and c.relkind = 'S' and c.oid <> '@schema@.position_seq'::regclass
    and (c.oid::bigint & 16383) = ('@schema@.position_seq'::regclass::oid::bigint & 16383) limit 1;
  if found then
    v_problems := v_problems || format('the horizon locks of %s and of this store have the same keys', v_other);
  end if;
  return v_problems;
end
$body$;
-- Locks of the dynamic consistency boundary. Every append locks its tags shared; a condition locks one tag of each of its
-- alternatives exclusively and then looks, in a later snapshot, for an event that it must not find. All keys in one order.

-- Bit 61 keeps these keys apart from the horizon's; 13 bits of the schema's sequence and 48 of the tag.
create function @schema@.tag_key_v1(p_tenant text, p_tag text) returns bigint
language sql stable as $body$
  select (1::bigint << 61) | (('@schema@.position_seq'::regclass::oid::bigint & 8191) << 48)
    | (hashtextextended(p_tag collate "C", hashtextextended(p_tenant collate "C", 0)) & ((1::bigint << 48) - 1))
$body$;

create function @schema@.distinct_tags_v1(p_tags text[]) returns text[]
language sql immutable as $body$
  select coalesce(array_agg(distinct t.tag collate "C"), '{}')
  from unnest(p_tags) u(tags), lateral json_array_elements_text(u.tags::json) t(tag)
$body$;

-- Table locks come before every row and tag lock. Above 256 tags one lock stands for all; a condition holds its opposite.
create function @schema@.lock_tables_v1(p_tags integer, p_conditions boolean, p_untagged boolean, p_streamless boolean)
returns void language plpgsql as $body$
begin
  if p_untagged then
    lock table @schema@.stream in share row exclusive mode;  -- every append updates it, or locks it below
  elsif p_streamless then
    lock table @schema@.stream in row exclusive mode;
  end if;
  if p_tags > 256 and p_conditions then
    lock table @schema@.store in share row exclusive mode;
  elsif p_tags > 256 then
    lock table @schema@.store in row exclusive mode;
  elsif p_conditions then
    lock table @schema@.store in share mode;
  end if;
end
$body$;

create function @schema@.lock_tags_v1(p_tenant text, p_shared text[], p_exclusive text[]) returns void
language plpgsql as $body$
declare
  v_lock record;
begin
  for v_lock in
    select w.key, bool_or(w.exclusive) as exclusive
    from (select @schema@.tag_key_v1(p_tenant, t) as key, false as exclusive from unnest(p_shared) t
          where cardinality(p_shared) <= 256
          union all
          select @schema@.tag_key_v1(p_tenant, t), true from unnest(p_exclusive) t) w
    group by w.key order by w.key
  loop
    if v_lock.exclusive then
      perform pg_advisory_xact_lock(v_lock.key);
    else
      perform pg_advisory_xact_lock_shared(v_lock.key);
    end if;
  end loop;
end
$body$;

-- The first position above p_after of an event that fits the alternative and was not seen; null when there is none.
create function @schema@.first_match_v1(p_tenant text, p_item jsonb, p_after bigint, p_seen bigint[]) returns bigint
language plpgsql as $body$
declare
  v_types constant text[] := array(select jsonb_array_elements_text(p_item -> 'types'));
  v_categories constant text[] := array(select jsonb_array_elements_text(p_item -> 'categories'));
  v_tags constant text[] := array(select jsonb_array_elements_text(p_item -> 'tags'));
  v_position bigint;
begin
  if cardinality(v_tags) = 0 then
    select e.position into v_position from @schema@.event e
    where e.tenant = p_tenant and e.position > p_after and not e.position = any (p_seen)
      and (cardinality(v_types) = 0 or e.type = any (v_types))
      and (cardinality(v_categories) = 0
           or (select s.category from @schema@.stream s where s.id = e.stream_id) = any (v_categories))
    order by e.position limit 1;
    return v_position;
  end if;
  select t.position into v_position from @schema@.event_tag t
  where t.tenant = p_tenant and t.tag = v_tags[1] and t.position > p_after and not t.position = any (p_seen)
    and (cardinality(v_tags) = 1 or not exists (
      select from unnest(v_tags[2:]) w(tag) where not exists (
        select from @schema@.event_tag o where o.tenant = p_tenant and o.tag = w.tag and o.position = t.position)))
    and (cardinality(v_types) = 0
         or (select e.type from @schema@.event e where e.tenant = p_tenant and e.position = t.position) = any (v_types))
    and (cardinality(v_categories) = 0
         or (select s.category from @schema@.event e join @schema@.stream s on s.id = e.stream_id
             where e.tenant = p_tenant and e.position = t.position) = any (v_categories))
  order by t.position limit 1;
  return v_position;
end
$body$;

-- Raises EV003 for the first condition that an event contradicts. It needs a snapshot taken after the tag locks.
create function @schema@.check_conditions_v1(p_tenant text, p_conditions jsonb) returns void
language plpgsql as $body$
declare
  v_condition record;
  v_position bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'EV006',
      message = 'append conditions need a transaction in isolation level READ COMMITTED, as an older snapshot hides new events';
  end if;
  for v_condition in
    select c.number, i.item, (c.condition ->> 'after')::bigint as after,
           array(select jsonb_array_elements_text(c.condition -> 'seen')::bigint) as seen
    from jsonb_array_elements(p_conditions) with ordinality c(condition, number),
         lateral jsonb_array_elements(c.condition -> 'items') i(item)
  loop
    v_position := @schema@.first_match_v1(p_tenant, v_condition.item, v_condition.after, v_condition.seen);
    if v_position is not null then
      raise exception using errcode = 'EV003', message = 'an event that the append condition excludes was appended',
        detail = json_build_object('condition', v_condition.number - 1, 'position', v_position)::text;
    end if;
  end loop;
end
$body$;

-- Locks the tags of accepted appends without waiting; gives the places of the appends whose tags a condition holds.
-- One lock stands for all above 256 tags; it fails at once (55P03) when a condition is open.
create function @schema@.try_lock_tags_v1(p_tenants text[], p_unit integer[], p_verdicts integer[], p_tags text[])
returns integer[] language plpgsql as $body$
declare
  v_busy integer[];
  v_keys constant bigint[] := array(
    select distinct @schema@.tag_key_v1(p_tenants[p_unit[u.place]], t.tag)
    from unnest(p_tags) with ordinality u(tags, place), lateral json_array_elements_text(u.tags::json) t(tag)
    where p_verdicts[p_unit[u.place]] = 0);
begin
  if cardinality(v_keys) > 256 then
    lock table @schema@.store in row exclusive mode nowait;
    return '{}';
  end if;
  with tried as materialized (
    select k.key, pg_try_advisory_xact_lock_shared(k.key) as locked from unnest(v_keys) k(key))
  select coalesce(array_agg(distinct p_unit[u.place]), '{}') into v_busy
  from unnest(p_tags) with ordinality u(tags, place), lateral json_array_elements_text(u.tags::json) t(tag),
       tried k
  where not k.locked and k.key = @schema@.tag_key_v1(p_tenants[p_unit[u.place]], t.tag);
  return v_busy;
end
$body$;
-- One append to one stream in one round trip: an unlocked look, compare-and-set on the stream's row, and positions last,
-- so that a refused append uses none. A conflict is raised: an aborted transaction waits for no flush of the log.

create function @schema@.refuse_stream_v1(p_stream text, p_expected bigint, p_actual bigint, p_status text) returns void
language plpgsql as $body$
begin
  if p_status <> 'open' then
    raise exception using errcode = 'EV002', message = 'the stream takes no more events',
      detail = json_build_object('stream', p_stream, 'status', p_status)::text;
  end if;
  raise exception using errcode = 'EV001', message = 'the stream is not at the expected version',
    detail = json_build_object('stream', p_stream, 'expected', p_expected, 'actual', p_actual)::text;
end
$body$;

-- Whether a version fits: an exact one, -1 any, -2 the stream exists.
create function @schema@.fits_v1(p_expected bigint, p_version bigint) returns boolean
language sql immutable as $body$
  select p_expected = p_version or p_expected = -1 or (p_expected = -2 and p_version > 0)
$body$;

-- Raises EV004 when an id is stored already or given twice; nothing was drawn yet.
create function @schema@.refuse_stored_ids_v1(p_tenant text, p_ids uuid[]) returns void
language plpgsql as $body$
begin
  if exists (select from @schema@.event e where e.tenant = p_tenant and e.event_id = any (p_ids))
     or (cardinality(p_ids) > 1 and (select count(distinct i) from unnest(p_ids) i) < cardinality(p_ids)) then
    raise exception using errcode = 'EV004', message = 'an event id is stored already';
  end if;
end
$body$;

create function @schema@.insert_tags_v1(p_tenant text, p_positions bigint[], p_tags text[]) returns void
language sql volatile as $body$
  insert into @schema@.event_tag (tenant, tag, position)
  select p_tenant, t.tag, u.position
  from unnest(p_positions, p_tags) u(position, tags), lateral json_array_elements_text(u.tags::json) t(tag)
$body$;

-- One event, which most appends are: no arrays to take apart, and two statements when all is well. An update whose version
-- does not match the row as it was committed gives up without waiting, so it is the unlocked look and the compare-and-set.
create function @schema@.append_one_v1(
  p_tenant text, p_stream text, p_expected bigint, p_recorded_at timestamptz,
  p_id uuid, p_type text, p_schema_version integer, p_data bytea, p_metadata bytea, p_tags text,
  out version bigint, out first_position bigint, out positions bigint[], out recorded_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
#variable_conflict use_column
declare
  v_id bigint;
  v_version bigint;
  v_status text;
  v_entered boolean;
begin
  recorded_at := coalesce(p_recorded_at, clock_timestamp());
  loop
    if p_expected <> 0 or v_version = 0 then
      update @schema@.stream s set version = s.version + 1, updated_at = recorded_at
      where s.tenant = p_tenant and s.name = p_stream and s.status = 'open'
        and (s.version = p_expected or p_expected = -1 or (p_expected = -2 and s.version > 0))
      returning s.id, s.version into v_id, version;
      exit when found;
    end if;
    if p_expected in (0, -1) then  -- waits for a rival that creates the same stream, and loses to it
      insert into @schema@.stream (tenant, name, category, version, created_at, updated_at)
      values (p_tenant, p_stream, split_part(p_stream, '-', 1), 1, recorded_at, recorded_at)
      on conflict do nothing returning id, version into v_id, version;
      exit when found;
    end if;
    select s.version, s.status into v_version, v_status
    from @schema@.stream s where s.tenant = p_tenant and s.name = p_stream;
    if v_status <> 'open' or not @schema@.fits_v1(p_expected, coalesce(v_version, 0)) then
      perform @schema@.refuse_stream_v1(p_stream, p_expected, coalesce(v_version, 0), coalesce(v_status, 'open'));
    end if;
  end loop;
  if p_tags is not null then
    perform @schema@.lock_tags_v1(p_tenant, @schema@.distinct_tags_v1(array[p_tags]), '{}');
  end if;
  v_entered := @schema@.enter_horizon_v1();
  -- the position is drawn only when the id is not stored
  insert into @schema@.event
    (position, stream_id, version, recorded_at, event_id, schema_version, tenant, type, data, metadata, tags)
  select nextval('@schema@.position_seq'), v_id, append_one_v1.version, append_one_v1.recorded_at, p_id, p_schema_version,
         p_tenant, p_type, p_data, p_metadata, p_tags
  where not exists (select from @schema@.event e where e.tenant = p_tenant and e.event_id = p_id)
  returning position into first_position;
  if not found then
    perform @schema@.refuse_stored_ids_v1(p_tenant, array[p_id]);
  end if;
  if p_tags is not null then
    perform @schema@.insert_tags_v1(p_tenant, array[first_position], array[p_tags]);
  end if;
end
$body$;

-- Generic plans: the planner takes the lengths of these arrays for a reason to plan each call anew, at twice the time.
create function @schema@.append_v1(
  p_tenant text, p_stream text, p_expected bigint, p_recorded_at timestamptz,
  p_ids uuid[], p_types text[], p_schema_versions integer[], p_data bytea[], p_metadata bytea[], p_tags text[],
  out version bigint, out first_position bigint, out positions bigint[], out recorded_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $body$
#variable_conflict use_column
declare
  v_count constant integer := coalesce(cardinality(p_ids), 0);
  v_tags text[];
  v_id bigint;
  v_version bigint;
  v_status text;
begin
  if p_tags is not null then
    v_tags := @schema@.distinct_tags_v1(p_tags);
    perform @schema@.lock_tables_v1(cardinality(v_tags), false, false, false);
  end if;
  recorded_at := coalesce(p_recorded_at, clock_timestamp());
  loop
    select s.id, s.version, s.status into v_id, v_version, v_status
    from @schema@.stream s where s.tenant = p_tenant and s.name = p_stream;
    v_version := coalesce(v_version, 0);
    if v_status <> 'open'
       or not (p_expected = v_version or p_expected = -1 or (p_expected = -2 and v_version > 0)) then
      perform @schema@.refuse_stream_v1(p_stream, p_expected, v_version, coalesce(v_status, 'open'));
    end if;
    if v_count = 0 then
      version := v_version;
      return;
    end if;
    if v_id is null then  -- waits for a rival that creates the same stream, and loses to it
      insert into @schema@.stream (tenant, name, category, version, created_at, updated_at)
      values (p_tenant, p_stream, split_part(p_stream, '-', 1), v_count, recorded_at, recorded_at)
      on conflict do nothing returning id, version into v_id, version;
    else
      update @schema@.stream s set version = s.version + v_count, updated_at = recorded_at
      where s.id = v_id and s.status = 'open' and (p_expected < 0 or s.version = p_expected)
      returning s.version into version;
    end if;
    exit when found;
  end loop;
  if v_tags is not null then
    perform @schema@.lock_tags_v1(p_tenant, v_tags, '{}');
  end if;
  perform @schema@.refuse_stored_ids_v1(p_tenant, p_ids);
  perform @schema@.enter_horizon_v1();
  positions := array(select nextval('@schema@.position_seq') from generate_series(1, v_count));
  insert into @schema@.event
    (position, stream_id, version, recorded_at, event_id, schema_version, tenant, type, data, metadata, tags)
  select u.position, v_id, append_v1.version - v_count + u.place, append_v1.recorded_at, u.id, u.schema_version, p_tenant, u.type,
         u.data, u.metadata, u.tags
  from unnest(positions, p_ids, p_schema_versions, p_types, p_data, p_metadata, p_tags)
       with ordinality u(position, id, schema_version, type, data, metadata, tags, place);
  if v_tags is not null then
    perform @schema@.insert_tags_v1(p_tenant, positions, p_tags);
  end if;
  first_position := positions[1];
  if positions[v_count] - first_position = v_count - 1 then
    positions := null;
  end if;
end
$body$;
-- Group commit: appends to distinct streams in one transaction, each with its own verdict. It never waits for a row or tag
-- that another transaction holds (verdict 5: send that append alone), so one open transaction can't stop a whole process.
-- For a stream that another transaction is creating there is no way but to wait: a moment, then the batch fails as a whole.
--
-- Generic plans, as in append_v1.
--
-- Verdicts: 0 appended · 1 wrong expectation · 2 tombstoned · 3 archived · 4 an id is stored already · 5 busy.
-- versions: the version after the append, or the actual one. positions: of the events of accepted appends, in their order.

create function @schema@.append_many_v1(
  p_tenants text[], p_streams text[], p_expected bigint[], p_counts integer[], p_recorded_at timestamptz[],
  p_ids uuid[], p_types text[], p_schema_versions integer[], p_data bytea[], p_metadata bytea[], p_tags text[],
  out verdicts integer[], out versions bigint[], out first_position bigint, out positions bigint[],
  out recorded_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '50ms' as $body$
#variable_conflict use_column
declare
  v_unit constant integer[] := array(
    select c.place::integer from unnest(p_counts) with ordinality c(events, place), generate_series(1, c.events)
    order by c.place);
  v_before constant bigint[] := array(
    select sum(c.events) over (order by c.place) - c.events from unnest(p_counts) with ordinality c(events, place)
    order by c.place);
  v_streams bigint[];
  v_refused integer[];
  v_events integer;
begin
  recorded_at := clock_timestamp();
  insert into @schema@.stream (tenant, name, category, version, created_at, updated_at)
  select a.tenant, a.name, split_part(a.name, '-', 1), 0, coalesce(a.at, append_many_v1.recorded_at), coalesce(a.at, append_many_v1.recorded_at)
  from unnest(p_tenants, p_streams, p_expected, p_recorded_at) a(tenant, name, expected, at)
  where a.expected in (0, -1)
    and not exists (select from @schema@.stream s where s.tenant = a.tenant and s.name = a.name)
  order by a.tenant, a.name on conflict do nothing;

  -- by places, not by a join of names: the planner expects one row and would compare each name with each
  with locked as materialized (
    select a.place, s.id, s.version, s.status
    from unnest(p_tenants, p_streams) with ordinality a(tenant, name, place)
         join @schema@.stream s on s.tenant = a.tenant and s.name = a.name
    order by s.id for no key update of s skip locked),
  found as (
    select u.place, max(u.id) as id, coalesce(max(u.version), 0) as version, max(u.status) as status
    from (select l.place, l.id, l.version, l.status from locked l
          union all
          select g, null, null, null from generate_series(1, cardinality(p_streams)) g) u
    group by u.place),
  judged as (
    select f.place, f.id, f.version,
      case when f.id is null and exists (select from @schema@.stream s where s.tenant = p_tenants[f.place] and s.name = p_streams[f.place]) then 5
           when f.status = 'tombstoned' then 2
           when f.status = 'archived' then 3
           when not @schema@.fits_v1(p_expected[f.place], f.version) then 1
           else 0 end as verdict
    from found f)
  select array_agg(j.id order by j.place), array_agg(j.version order by j.place), array_agg(j.verdict order by j.place)
  into v_streams, versions, verdicts from judged j;

  v_refused := array(
    select distinct v_unit[i.place] from unnest(p_ids) with ordinality i(id, place)
    where exists (select from @schema@.event e where e.tenant = p_tenants[v_unit[i.place]] and e.event_id = i.id));
  verdicts := array(
    select case when v.verdict = 0 and v.place = any (v_refused) then 4 else v.verdict end
    from unnest(verdicts) with ordinality v(verdict, place) order by v.place);
  if p_tags is not null then
    v_refused := @schema@.try_lock_tags_v1(p_tenants, v_unit, verdicts, p_tags);
    verdicts := array(
      select case when v.verdict = 0 and v.place = any (v_refused) then 5 else v.verdict end
      from unnest(verdicts) with ordinality v(verdict, place) order by v.place);
  end if;

  select coalesce(sum(c.events), 0) into v_events
  from unnest(p_counts, verdicts) c(events, verdict) where c.verdict = 0;
  if v_events = 0 then
    return;
  end if;
  update @schema@.stream s
  set version = s.version + a.events, updated_at = coalesce(a.at, append_many_v1.recorded_at)
  from unnest(v_streams, p_counts, verdicts, p_recorded_at) a(id, events, verdict, at)
  where s.id = a.id and a.verdict = 0;
  perform @schema@.enter_horizon_v1();
  positions := array(select nextval('@schema@.position_seq') from generate_series(1, v_events));
  with accepted as (
    select e.*, row_number() over (order by e.place) as rank, v_unit[e.place] as unit
    from unnest(p_ids, p_types, p_schema_versions, p_data, p_metadata, p_tags)
         with ordinality e(id, type, schema_version, data, metadata, tags, place)
    where verdicts[v_unit[e.place]] = 0)
  insert into @schema@.event
    (position, stream_id, version, recorded_at, event_id, schema_version, tenant, type, data, metadata, tags)
  select positions[x.rank], v_streams[x.unit], versions[x.unit] + x.place - v_before[x.unit],
         coalesce(p_recorded_at[x.unit], append_many_v1.recorded_at), x.id, x.schema_version, p_tenants[x.unit], x.type, x.data,
         x.metadata, x.tags
  from accepted x;
  if p_tags is not null then
    insert into @schema@.event_tag (tenant, tag, position)
    select p_tenants[x.unit], t.tag, positions[x.rank]
    from (select e.tags, row_number() over (order by e.place) as rank, v_unit[e.place] as unit
          from unnest(p_tags) with ordinality e(tags, place) where verdicts[v_unit[e.place]] = 0) x,
         lateral json_array_elements_text(x.tags::json) t(tag);
  end if;
  versions := array(
    select a.version + case when a.verdict = 0 then a.events else 0 end
    from unnest(versions, p_counts, verdicts) with ordinality a(version, events, verdict, place) order by a.place);
  first_position := positions[1];
  if positions[v_events] - first_position = v_events - 1 then
    positions := null;
  end if;
end
$body$;
-- A whole unit in one round trip: every append, mark and condition is judged before the first position is drawn, so that a
-- refused unit uses none. Locks: tables, then stream rows by id, then tags by key, then the horizon.

-- The distinct names, locked by id; missing streams that will get events are created first, by name.
create function @schema@.lock_streams_v1(p_tenant text, p_names text[], p_create text[], p_at timestamptz,
  out ids bigint[], out names text[], out versions bigint[], out statuses text[], out truncated bigint[])
language plpgsql as $body$
#variable_conflict use_column
begin
  insert into @schema@.stream (tenant, name, category, version, created_at, updated_at)
  select p_tenant, c.name, split_part(c.name, '-', 1), 0, p_at, p_at from (select distinct unnest(p_create) as name) c
  where not exists (select from @schema@.stream s where s.tenant = p_tenant and s.name = c.name)
  order by c.name collate "C" on conflict do nothing;
  select coalesce(array_agg(l.id), '{}'), coalesce(array_agg(l.name), '{}'), array_agg(l.version), array_agg(l.status),
         array_agg(l.truncated_before)
  into ids, names, versions, statuses, truncated
  from (select s.id, s.name, s.version, s.status, s.truncated_before from @schema@.stream s
        where s.tenant = p_tenant and s.name = any (p_names) order by s.id for no key update) l;
end
$body$;

create function @schema@.save_snapshots_v1(p_tenant text, p_snapshots jsonb, p_data bytea[]) returns void
language sql volatile as $body$
  insert into @schema@.snapshot as k (tenant, stream, name, schema_version, version, data)
  select p_tenant, s.value ->> 'stream', s.value ->> 'name', (s.value ->> 'schema_version')::integer,
         (s.value ->> 'version')::bigint, p_data[s.place]
  from jsonb_array_elements(p_snapshots) with ordinality s(value, place)
  order by 2, 3
  on conflict (tenant, stream, name) do update
  set schema_version = excluded.schema_version, version = excluded.version, data = excluded.data,
      created_at = clock_timestamp()
  where k.version < excluded.version or k.schema_version <> excluded.schema_version
$body$;

create function @schema@.commit_v1(
  p_tenant text, p_streams text[], p_expected bigint[], p_counts integer[], p_recorded_at timestamptz,
  p_ids uuid[], p_types text[], p_schema_versions integer[], p_data bytea[], p_metadata bytea[], p_tags text[],
  p_conditions jsonb, p_marks jsonb, p_snapshots jsonb, p_snapshot_data bytea[],
  out versions bigint[], out first_position bigint, out positions bigint[], out recorded_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $body$
#variable_conflict use_column
declare
  v_events constant integer := coalesce(cardinality(p_ids), 0);
  v_tags constant text[] := @schema@.distinct_tags_v1(p_tags);
  v_exclusive text[];
  v_untagged boolean;
  v_stream record;
  v_mark jsonb;
  v_name text;
  v_version bigint;
  v_place integer;
  v_stream_ids bigint[] := array_fill(null::bigint, array[cardinality(p_streams)]);
begin
  versions := v_stream_ids;
  recorded_at := coalesce(p_recorded_at, clock_timestamp());
  select coalesce(array_agg(distinct i.item -> 'tags' ->> 0) filter (where i.item -> 'tags' ->> 0 is not null), '{}'),
         coalesce(bool_or(i.item -> 'tags' ->> 0 is null), false)
  into v_exclusive, v_untagged
  from jsonb_array_elements(p_conditions) c(condition), lateral jsonb_array_elements(c.condition -> 'items') i(item);
  perform @schema@.lock_tables_v1(
    cardinality(v_tags), p_conditions is not null, v_untagged,
    exists (select from unnest(p_streams, p_counts) a(name, events) where a.name is null and a.events > 0));

  select * into v_stream from @schema@.lock_streams_v1(
    p_tenant,
    array(select a from unnest(p_streams) a where a is not null)
      || array(select m ->> 'stream' from jsonb_array_elements(p_marks) m),
    -- a stream that is only expected to be empty is held too, by a row that goes again below: nobody begins it meanwhile
    array(select a.name from unnest(p_streams, p_expected, p_counts) a(name, expected, events)
          where a.name is not null and (a.events > 0 or a.expected = 0)),
    recorded_at);
  for v_mark in select m from jsonb_array_elements(p_marks) m loop  -- marks first, then appends, each seeing those before it
    v_name := v_mark ->> 'stream';
    v_place := array_position(v_stream.names, v_name);
    v_version := coalesce(v_stream.versions[v_place], 0);
    if v_stream.statuses[v_place] <> 'open' or v_version = 0
       or not @schema@.fits_v1((v_mark ->> 'expected')::bigint, v_version) then
      perform @schema@.refuse_stream_v1(
        v_name, case when v_version = 0 and (v_mark ->> 'expected')::bigint < 1 then -2 else (v_mark ->> 'expected')::bigint end,
        v_version, coalesce(v_stream.statuses[v_place], 'open'));
    end if;
    if (v_mark ->> 'truncate_before')::bigint > v_version + 1 then
      raise exception using errcode = 'EV005', message = 'a stream can be truncated to its end at most',
        detail = json_build_object('stream', v_name, 'truncate_before', v_mark -> 'truncate_before', 'actual', v_version)::text;
    end if;
    v_stream.truncated[v_place] := greatest(v_stream.truncated[v_place], (v_mark ->> 'truncate_before')::bigint);
    if (v_mark ->> 'tombstone')::boolean then
      v_stream.statuses[v_place] := 'tombstoned';
    end if;
  end loop;
  for i in 1 .. cardinality(p_streams) loop
    continue when p_streams[i] is null;
    v_place := array_position(v_stream.names, p_streams[i]);
    if v_place is null then
      if not @schema@.fits_v1(p_expected[i], 0) then
        perform @schema@.refuse_stream_v1(p_streams[i], p_expected[i], 0, 'open');
      end if;
      versions[i] := 0;
      continue;
    end if;
    if v_stream.statuses[v_place] <> 'open' or not @schema@.fits_v1(p_expected[i], v_stream.versions[v_place]) then
      perform @schema@.refuse_stream_v1(
        p_streams[i], p_expected[i], v_stream.versions[v_place], v_stream.statuses[v_place]);
    end if;
    v_stream.versions[v_place] := v_stream.versions[v_place] + p_counts[i];
    v_stream_ids[i] := v_stream.ids[v_place];
    versions[i] := v_stream.versions[v_place];
  end loop;

  perform @schema@.lock_tags_v1(p_tenant, v_tags, v_exclusive);
  if p_conditions is not null then
    perform @schema@.check_conditions_v1(p_tenant, p_conditions);
  end if;
  perform @schema@.refuse_stored_ids_v1(p_tenant, p_ids);

  update @schema@.stream s
  set version = x.version, status = x.status, truncated_before = x.truncated, updated_at = commit_v1.recorded_at
  from unnest(v_stream.ids, v_stream.versions, v_stream.statuses, v_stream.truncated) x(id, version, status, truncated)
  where s.id = x.id and (s.version, s.status, s.truncated_before) <> (x.version, x.status, x.truncated);
  if 0 = any (v_stream.versions) then
    delete from @schema@.stream s where s.id = any (v_stream.ids) and s.version = 0;
  end if;
  if p_snapshots is not null then
    perform @schema@.save_snapshots_v1(p_tenant, p_snapshots, p_snapshot_data);
  end if;
  if v_events = 0 then
    return;
  end if;
  perform @schema@.enter_horizon_v1();
  positions := array(select nextval('@schema@.position_seq') from generate_series(1, v_events));
  insert into @schema@.event
    (position, stream_id, version, recorded_at, event_id, schema_version, tenant, type, data, metadata, tags)
  select positions[e.place], v_stream_ids[a.place], versions[a.place] - a.last + e.place, commit_v1.recorded_at, e.id,
         e.schema_version, p_tenant, e.type, e.data, e.metadata, e.tags
  from (select c.place, c.events, sum(c.events) over (order by c.place) as last
        from unnest(p_counts) with ordinality c(events, place)) a
       join unnest(p_ids, p_types, p_schema_versions, p_data, p_metadata, p_tags)
            with ordinality e(id, type, schema_version, data, metadata, tags, place)
         on e.place > a.last - a.events and e.place <= a.last
  order by e.place;
  if p_tags is not null then
    perform @schema@.insert_tags_v1(p_tenant, positions, p_tags);
  end if;
  first_position := positions[1];
  if positions[v_events] - first_position = v_events - 1 then
    positions := null;
  end if;
end
$body$;
-- The past can't be changed: the database refuses it, for the owner of the tables too.

create function @schema@.refuse_change() returns trigger
language plpgsql as $body$
begin
  raise exception using errcode = 'EV007',
    message = format('%s on %I.%I is refused: events are never changed or deleted', tg_op, tg_table_schema, tg_table_name);
end
$body$;

create trigger event_is_immutable before update or delete or truncate on @schema@.event
  for each statement execute function @schema@.refuse_change();
create trigger event_tag_is_immutable before update or delete or truncate on @schema@.event_tag
  for each statement execute function @schema@.refuse_change();

-- Nothing is for everyone; sql/roles.sql grants to a writer and a reader what each needs.
revoke all on all functions in schema @schema@ from public;
