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
