-- The log, its streams, the index of tags, snapshots, and what keeps the log as it was written.

create table everfold_store (
  singleton integer primary key check (singleton = 1),
  id blob not null
);
insert into everfold_store (singleton, id) values (1, randomblob(16));

-- autoincrement, here and below: a number that was ever given is never given again, whatever is removed later
create table everfold_stream (
  id integer primary key autoincrement,
  tenant text not null,
  name text not null,
  category text not null,
  version integer not null,
  truncated_before integer not null default 1,
  status text not null default 'open' check (status in ('open', 'tombstoned', 'archived')),
  created_at integer not null,
  updated_at integer not null,
  unique (tenant, name)
);

-- recorded_at: microseconds since 1970 UTC; data, metadata: JSON bytes, exactly as written; tags: a JSON array
create table everfold_event (
  position integer primary key autoincrement,
  tenant text not null,
  stream_id integer references everfold_stream (id),
  version integer,
  type text not null,
  schema_version integer not null,
  event_id blob not null,
  recorded_at integer not null,
  tags text,
  metadata blob not null,
  data blob not null,
  unique (stream_id, version),
  unique (tenant, event_id)
);

create table everfold_event_tag (
  tenant text not null,
  tag text not null,
  position integer not null references everfold_event (position),
  primary key (tenant, tag, position)
) without rowid;

create table everfold_snapshot (
  tenant text not null,
  stream text not null,
  name text not null,
  schema_version integer not null,
  version integer not null,
  data blob not null,
  primary key (tenant, stream, name)
);

create trigger everfold_event_is_never_updated before update on everfold_event
begin
  select raise(abort, 'an event is never changed: append another one that corrects it');
end;

create trigger everfold_event_is_never_deleted before delete on everfold_event
begin
  select raise(abort, 'an event is never deleted: truncate or tombstone its stream');
end;

-- `insert or replace` removes the row in its way without asking the trigger above. Costs 2 µs an event.
create trigger everfold_event_is_never_replaced before insert on everfold_event
when exists (select 1 from everfold_event where everfold_event.position = new.position)
  or exists (select 1 from everfold_event where everfold_event.tenant = new.tenant and everfold_event.event_id = new.event_id)
  or exists (select 1 from everfold_event where everfold_event.stream_id = new.stream_id and everfold_event.version = new.version)
begin
  select raise(abort, 'an event is never replaced: its position, id and version are taken');
end;

create trigger everfold_event_tag_is_never_updated before update on everfold_event_tag
begin
  select raise(abort, 'the tag of an event is never changed');
end;

create trigger everfold_event_tag_is_never_deleted before delete on everfold_event_tag
begin
  select raise(abort, 'the tag of an event is never deleted');
end;

-- for people and their SQL: the log with names, times and JSON that can be read
create view everfold_events as
select
  everfold_event.position,
  everfold_event.tenant,
  everfold_stream.name as stream,
  everfold_event.version,
  everfold_event.type,
  everfold_event.schema_version,
  lower(hex(everfold_event.event_id)) as event_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', everfold_event.recorded_at / 1000000.0, 'unixepoch') as recorded_at,
  cast(everfold_event.data as text) as data,
  cast(everfold_event.metadata as text) as metadata,
  everfold_event.tags
from everfold_event
left join everfold_stream on everfold_stream.id = everfold_event.stream_id;

-- Consumers, builds of read models and dead letters. A read model's own table is made when a build of it is registered.

-- a checkpoint is position, event_id and epoch; times, here and below: microseconds since 1970 UTC, 0 for never
create table everfold_consumer (
  tenant text not null,
  name text not null,
  partition integer not null,
  partitions integer not null,
  position integer not null,
  event_id blob,
  epoch blob not null,
  token integer not null,
  owner text,
  lease_until integer not null,
  status text not null check (status in ('running', 'paused', 'stopped')),
  fault text,
  letters integer not null,
  events integer not null,
  moved_at integer not null,
  primary key (tenant, name, partition)
) without rowid;

create table everfold_projection_build (
  tenant text not null,
  projection text not null,
  version integer not null,
  generation integer not null,
  state text not null,
  timing text not null,
  fed text not null,
  code text not null,
  definition text not null,
  head integer not null,
  epoch integer not null,
  previous_version integer,
  previous_generation integer,
  verified text,
  created_at integer not null,
  changed_at integer not null,
  primary key (tenant, projection, version, generation)
) without rowid;

create unique index everfold_projection_build_active on everfold_projection_build (tenant, projection) where state = 'active';

create table everfold_dead_letter (
  id integer primary key autoincrement,
  tenant text not null,
  consumer text not null,
  partition integer not null,
  lane text not null,
  position integer not null,
  event_id blob not null,
  event_type text not null,
  stream text,
  error text not null,
  attempts integer not null,
  state text not null check (state in ('parked', 'done', 'skipped')),
  parked_at integer not null,
  settled_at integer not null default 0,
  actor text,
  reason text
);

create unique index everfold_dead_letter_parked on everfold_dead_letter (tenant, consumer, lane, position) where state = 'parked';

create index everfold_dead_letter_consumer on everfold_dead_letter (tenant, consumer, id);
