--liquibase formatted sql

--changeset poststack:009-settings splitStatements:false
create table settings (
  id          bigint generated always as identity,
  service     text,
  key         text not null,
  value       jsonb not null,
  description text not null default '',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint settings_pk primary key (id),
  constraint settings_service_fk foreign key (service) references services (name) on update cascade on delete cascade,
  constraint settings_key_form check (key ~ '^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$'),
  constraint settings_no_secret check (key !~ '(password|passwd|secret|token|private_key)')
);
comment on table settings is 'Settings that services read at run time. Every service can read all of them: no secrets.';
comment on column settings.id is 'Key; never used again after a delete.';
comment on column settings.service is 'Service it is for; null for all of them. The one for a service wins over the one for all.';
comment on column settings.key is 'Name, in lower case, with dots between its parts.';
comment on column settings.value is 'Value as JSON: a string, a number, true or false, a list, an object.';
comment on column settings.description is 'What it does, in one line.';
comment on column settings.created_at is 'When the row was made.';
comment on column settings.updated_at is 'When the row last changed; set by a trigger.';
create unique index settings_of_service_unique on settings (service, key) where service is not null;
create unique index settings_of_all_unique on settings (key) where service is null;
create trigger settings_touch before update on settings for each row execute function poststack_touch();
create trigger settings_notify after insert or update or delete on settings for each row execute function poststack_notify('id');
create trigger settings_notify_truncate after truncate on settings for each statement execute function poststack_notify('id');
--rollback drop table settings;
