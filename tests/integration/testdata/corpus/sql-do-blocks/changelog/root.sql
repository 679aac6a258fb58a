--liquibase formatted sql

--changeset ops:types splitStatements:false
do $$
declare
  name text;
begin
  foreach name in array array['low', 'high'] loop
    execute format('create domain %I as int check (value >= 0)', name);
  end loop;
exception when duplicate_object then
  null;
end
$$;
do language plpgsql $do$ begin perform 1; end $do$;
--rollback drop domain low; drop domain high;

--changeset ops:enum
create type state as enum ('on', 'off; paused');
create table job (id int primary key, state state not null default 'off; paused', body jsonb not null default '{"a": [1, 2]}');
create view running as select id, body ->> 'a' as a from job where state = 'on';
--rollback drop view running; drop table job; drop type state;
