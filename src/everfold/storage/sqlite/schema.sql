-- The log, its streams, the index of tags, snapshots, and what keeps the log as it was written.

create table store (
  singleton integer primary key check (singleton = 1),
  id blob not null
);
insert into store (singleton, id) values (1, randomblob(16));

-- autoincrement, here and below: a number that was ever given is never given again, whatever is removed later
create table stream (
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
create table event (
  position integer primary key autoincrement,
  tenant text not null,
  stream_id integer references stream (id),
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

create table event_tag (
  tenant text not null,
  tag text not null,
  position integer not null references event (position),
  primary key (tenant, tag, position)
) without rowid;

create table snapshot (
  tenant text not null,
  stream text not null,
  name text not null,
  schema_version integer not null,
  version integer not null,
  data blob not null,
  primary key (tenant, stream, name)
);

create trigger event_is_never_updated before update on event
begin
  select raise(abort, 'an event is never changed: append another one that corrects it');
end;

create trigger event_is_never_deleted before delete on event
begin
  select raise(abort, 'an event is never deleted: truncate or tombstone its stream');
end;

-- `insert or replace` removes the row in its way without asking the trigger above. Costs 2 µs an event.
create trigger event_is_never_replaced before insert on event
when exists (select 1 from event where event.position = new.position)
  or exists (select 1 from event where event.tenant = new.tenant and event.event_id = new.event_id)
  or exists (select 1 from event where event.stream_id = new.stream_id and event.version = new.version)
begin
  select raise(abort, 'an event is never replaced: its position, id and version are taken');
end;

create trigger event_tag_is_never_updated before update on event_tag
begin
  select raise(abort, 'the tag of an event is never changed');
end;

create trigger event_tag_is_never_deleted before delete on event_tag
begin
  select raise(abort, 'the tag of an event is never deleted');
end;

-- for people and their SQL: the log with names, times and JSON that can be read
create view events as
select
  event.position,
  event.tenant,
  stream.name as stream,
  event.version,
  event.type,
  event.schema_version,
  lower(hex(event.event_id)) as event_id,
  strftime('%Y-%m-%dT%H:%M:%fZ', event.recorded_at / 1000000.0, 'unixepoch') as recorded_at,
  cast(event.data as text) as data,
  cast(event.metadata as text) as metadata,
  event.tags
from event
left join stream on stream.id = event.stream_id;
