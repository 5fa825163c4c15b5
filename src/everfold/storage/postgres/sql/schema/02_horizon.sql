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
