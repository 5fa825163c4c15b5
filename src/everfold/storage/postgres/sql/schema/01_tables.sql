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
