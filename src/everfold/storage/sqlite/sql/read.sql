-- name: stream_page
-- Events of a stream, oldest or newest first. Index: unique (stream_id, version).
select {columns} from everfold_event
where stream_id = ? and version > ? and version <= ? and tenant = ?
order by version {direction} limit ?

-- name: last_position
-- The last position of all tenants: the horizon, as there is one writer at a time. Primary key.
select coalesce(max(position), 0) from everfold_event

-- name: has_events
-- Whether the tenant has any event. Index: unique (tenant, event_id).
select exists (select 1 from everfold_event where tenant = ?)

-- name: head
-- The tenant's last position, from the end of the log backwards. Primary key.
select position from everfold_event not indexed where tenant = ? order by position desc limit 1

-- name: event_columns
-- A row as `events/envelope.py` describes it.
position, stream_id, version, type, schema_version, event_id, recorded_at, data, metadata, tags

-- name: all_page
-- Events of the log between two positions, both included; {where} is the query's predicate. Primary key:
-- `not indexed` forbids the indexes that begin with the tenant, which would need a sort.
select {columns} from everfold_event not indexed
where position between ? and ? and tenant = ?{where}
order by position {direction} limit ?

-- name: tagged_page
-- Events that one of the branches below gives, each branch at most a page in the same order. Primary key:
-- without `not indexed` SQLite goes through the whole tenant.
select {columns} from everfold_event not indexed
where position in ({branches}) and tenant = ?
order by position {direction} limit ?

-- name: tagged_branch
-- The positions that one alternative with tags gives; {where} is the rest of it, {join} is there when the rest needs
-- the event. Index: everfold_event_tag's primary key.
select position from (
  select everfold_event_tag.position as position from everfold_event_tag{join}
  where everfold_event_tag.tenant = ? and everfold_event_tag.tag = ? and everfold_event_tag.position between ? and ?{where}
  order by everfold_event_tag.position {direction} limit ?)

-- name: branch_join
-- The event of a tag; `cross join` keeps the tags the outer ones. Primary key.
cross join everfold_event on everfold_event.position = everfold_event_tag.position

-- name: tag_window_end
-- How far the first so many events of a tag reach. Index: everfold_event_tag's primary key.
select position from everfold_event_tag where tenant = ? and tag = ? and position between ? and ?
order by position {direction} limit 1 offset ?

-- name: tag_count
-- How often a tag stands in a range, counted up to a bound. Index: everfold_event_tag's primary key.
select count(*) from (select 1 from everfold_event_tag where tenant = ? and tag = ? and position between ? and ? limit ?)

-- name: predicate_types
-- Part of a query's alternative: the event's type is one of these.
everfold_event.type in ({values})

-- name: predicate_categories
-- Part of a query's alternative: the event stands in a stream of one of these categories. Primary key of stream.
exists (select 1 from everfold_stream where everfold_stream.id = everfold_event.stream_id and everfold_stream.category in ({values}))

-- name: predicate_tag
-- Part of a query's alternative: the event has the tag. Index: everfold_event_tag's primary key.
exists (select 1 from everfold_event_tag as other where other.tenant = ? and other.tag = ? and other.position = {position})

-- name: predicate_part
-- Part of a query: the event stands in a stream of this part of so many; what is in no stream is in part 0.
coalesce(everfold_event.stream_id, 0) % ? = ?

-- name: stream_names
-- Names of streams by id, for the rows of a page. Primary key: `not indexed` as above.
select id, name from everfold_stream not indexed where id in (select value from json_each(?)) and tenant = ?

-- name: stream_row
-- The stream's own row. Index: unique (tenant, name).
select name, version, status, created_at, updated_at, truncated_before from everfold_stream where tenant = ? and name = ?

-- name: stream_rows
-- Streams by name. Index: unique (tenant, name).
select name, version, status, created_at, updated_at, truncated_before
from everfold_stream where tenant = ? and name > ? order by name limit ?

-- name: stream_rows_of_category
-- The same within a category, whose names lie between it and it with the character after the hyphen.
-- Index: unique (tenant, name).
select name, version, status, created_at, updated_at, truncated_before
from everfold_stream where tenant = ? and name > ? and name >= ? and name < ? and category = ? order by name limit ?

-- name: type_counts
-- Every type and schema version with its count. Scans the log.
select type, schema_version, count(*) from everfold_event where tenant = ? group by type, schema_version
order by type, schema_version

-- name: load_snapshot
-- A snapshot of exactly this schema version. Primary key.
select version, data from everfold_snapshot where tenant = ? and stream = ? and name = ? and schema_version = ?
