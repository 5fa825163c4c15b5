-- The past can't be changed: the database refuses it, for the owner of the tables too.

create function @schema@.refuse_change() returns trigger
language plpgsql as $body$
begin
  raise exception using errcode = 'EV007',
    message = format('%s on %I.%I is refused: events are never changed or deleted', tg_op, tg_table_schema, tg_table_name);
end
$body$;

create trigger event_is_immutable before update or delete or truncate on @schema@.event
  for each statement execute function @schema@.refuse_change();
create trigger event_tag_is_immutable before update or delete or truncate on @schema@.event_tag
  for each statement execute function @schema@.refuse_change();

-- Nothing is for everyone; sql/roles.sql grants to a writer and a reader what each needs.
revoke all on all functions in schema @schema@ from public;
