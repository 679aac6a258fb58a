--liquibase formatted sql

--changeset ops:touch splitStatements:false
create function touch() returns trigger language plpgsql as $$
begin
  -- the row's own time, not the statement's
  new.changed_at := clock_timestamp();
  if new.quota_mb > 4096 then
    raise exception 'quota of % is more than %', new.address, 4096;
  end if;
  return new;
end;
$$;
--rollback drop function touch();

--changeset ops:touch-trigger
create trigger mailbox_touch before insert or update on mailbox for each row execute function touch();
--rollback drop trigger mailbox_touch on mailbox;

--changeset ops:nested-quotes splitStatements:false
create function audit(t regclass) returns void language plpgsql as $outer$
begin
  execute format($inner$
    create table %s_audit (at timestamptz default now(), note text default 'it''s; done')
  $inner$, t);
end;
$outer$;
select audit('mailbox');
--rollback drop table mailbox_audit;
--rollback drop function audit(regclass);

--changeset ops:notify endDelimiter:@@
create function announce() returns trigger language plpgsql as $body$
begin
  perform pg_notify('mail', tg_op || ';' || tg_table_name);
  return null;
end;
$body$
@@
create trigger mailbox_announce after insert on mailbox for each statement execute function announce()
@@
--rollback drop function announce() cascade
