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
