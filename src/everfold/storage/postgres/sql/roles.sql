-- Two roles for applications: grant them to the roles that log in. The owner of the schema runs the migrations, and
-- registers read models, whose tables take over the grants on table consumer.
--
-- everfold_writer may call the append functions and read; it can't change, delete or insert an event or a stream by itself.
-- Checkpoints, builds, dead letters and read models are no events: it changes their rows.
-- everfold_reader may read.

do $do$
declare
  v_role text;
begin
  foreach v_role in array array['everfold_writer', 'everfold_reader'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      execute format('create role %I nologin', v_role);
    end if;
  end loop;
end
$do$;

revoke all on schema @schema@ from public;
grant usage on schema @schema@ to everfold_writer, everfold_reader;
grant select on all tables in schema @schema@ to everfold_writer, everfold_reader;
grant execute on function @schema@.last_drawn_v1(), @schema@.lowest_open_v1(), @schema@.open_appends_v1(), @schema@.self_test_v1()
  to everfold_writer, everfold_reader;
grant execute on function
  @schema@.append_one_v1(text, text, bigint, timestamptz, uuid, text, integer, bytea, bytea, text),
  @schema@.append_v1(text, text, bigint, timestamptz, uuid[], text[], integer[], bytea[], bytea[], text[]),
  @schema@.append_many_v1(text[], text[], bigint[], integer[], timestamptz[], uuid[], text[], integer[], bytea[], bytea[], text[]),
  @schema@.commit_v1(text, text[], bigint[], integer[], timestamptz, uuid[], text[], integer[], bytea[], bytea[], text[], jsonb,
    jsonb, jsonb, bytea[]),
  @schema@.read_model_key_v1(bigint, text, text, text), @schema@.lock_documents_v1(text, text, text[]),
  @schema@.enter_gate_v1(text, text[]), @schema@.close_gate_v1(text, text[]), @schema@.lock_stream_v1(text, text)
  to everfold_writer;
grant insert, update, delete on @schema@.consumer, @schema@.projection_build, @schema@.dead_letter to everfold_writer;

do $do$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_catalog.pg_class c
    where c.relnamespace = '@schema@'::regnamespace and c.relkind = 'r' and c.relname like 'rm\_%'
  loop
    execute format('grant insert, update, delete on %s to everfold_writer', v_table);
  end loop;
end
$do$;
