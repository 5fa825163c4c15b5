-- name: table_names
-- What the file holds: whose it is, and whether something is missing.
select name from sqlite_master where type in ('table', 'trigger', 'view') and name not like 'sqlite~_%' escape '~'

-- name: create_migration_table
-- Which migrations the file has seen: the mark by which a store is recognised.
create table everfold_migration (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at integer not null
)

-- name: applied_migrations
-- In the order in which they were applied.
select version, name, checksum from everfold_migration order by version

-- name: record_migration
-- One migration was applied.
insert into everfold_migration (version, name, checksum, applied_at) values (?, ?, ?, ?)
