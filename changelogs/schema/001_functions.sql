--liquibase formatted sql

--changeset poststack:001-touch splitStatements:false
create function poststack_touch() returns trigger
language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;
comment on function poststack_touch() is 'Trigger: sets updated_at on every update.';
--rollback drop function poststack_touch();

--changeset poststack:001-notify splitStatements:false
create function poststack_notify() returns trigger
language plpgsql as $$
declare
  key_column text := tg_argv[0];
  key text;
begin
  if tg_op = 'DELETE' then
    key := to_jsonb(old) ->> key_column;
  elsif tg_op in ('INSERT', 'UPDATE') then
    key := to_jsonb(new) ->> key_column;
  end if;
  perform pg_notify('poststack',
    json_build_object('schema', tg_table_schema, 'table', tg_table_name, 'op', lower(tg_op), 'key', key)::text);
  return null;
end
$$;
comment on function poststack_notify() is 'Trigger: tells listeners of channel "poststack" which row of which table changed, as JSON {schema, table, op, key}. Its argument is the key column; no other value of the row is sent.';
--rollback drop function poststack_notify();
