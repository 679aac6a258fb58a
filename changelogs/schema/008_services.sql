--liquibase formatted sql

--changeset poststack:008-services splitStatements:false
create table services (
  name        text not null,
  description text not null default '',
  enabled     boolean not null default false,
  host        text,
  ports       integer[] not null default '{}',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint services_pk primary key (name),
  constraint services_name_form check (name ~ '^[a-z][a-z0-9-]{0,62}$'),
  constraint services_host_form check (host = lower(host) and host !~ '[[:space:]/@]' and host <> ''),
  constraint services_ports_range check (1 <= all (ports) and 65535 >= all (ports) and array_position(ports, null) is null)
);
comment on table services is 'Services of the stack that read this database.';
comment on column services.name is 'Name of the service and of its image.';
comment on column services.description is 'What it does, in one line.';
comment on column services.enabled is 'Whether it is meant to run.';
comment on column services.host is 'Name or address where others reach it; null for its container''s own name.';
comment on column services.ports is 'TCP ports that it listens on.';
comment on column services.created_at is 'When the row was made.';
comment on column services.updated_at is 'When the row last changed; set by a trigger.';
create trigger services_touch before update on services for each row execute function poststack_touch();
create trigger services_notify after insert or update or delete on services for each row execute function poststack_notify('name');
create trigger services_notify_truncate after truncate on services for each statement execute function poststack_notify('name');
--rollback drop table services;

--changeset poststack:008-services-known
insert into services (name, description, ports) values
  ('apache', 'web server for applications', '{80,443}'),
  ('bind', 'authoritative name server', '{53}'),
  ('certbot', 'requests and renews certificates', '{}'),
  ('dovecot', 'mailboxes over IMAP, delivery over LMTP', '{143,993,24}'),
  ('nginx', 'web server and proxy in front of the others', '{80,443}');
--rollback delete from services where name in ('apache', 'bind', 'certbot', 'dovecot', 'nginx');
