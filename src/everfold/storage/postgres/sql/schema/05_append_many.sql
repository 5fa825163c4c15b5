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
