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
