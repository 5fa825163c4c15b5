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
