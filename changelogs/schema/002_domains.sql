--liquibase formatted sql

--changeset poststack:002-domains splitStatements:false
create table domains (
  id          bigint generated always as identity,
  name        text not null,
  serves_mail boolean not null default false,
  serves_web  boolean not null default false,
  web_root    text,
  enabled     boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint domains_pk primary key (id),
  constraint domains_name_unique unique (name),
  constraint domains_name_lower check (name = lower(name)),
  constraint domains_name_form check (
    length(name) <= 253 and name ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])$'),
  constraint domains_web_root_form check (web_root ~ '^/' and web_root !~ '(^|/)\.\.(/|$)')
);
comment on table domains is 'Domain names that this installation serves.';
comment on column domains.id is 'Key; never used again after a delete.';
comment on column domains.name is 'Fully qualified name without the last dot, in lower case; international names in their ASCII form (xn--).';
comment on column domains.serves_mail is 'Whether mail for addresses of this domain is delivered here.';
comment on column domains.serves_web is 'Whether the web servers answer for this name.';
comment on column domains.web_root is 'Absolute directory of the web site in the web server''s container; null for the default place.';
comment on column domains.enabled is 'False takes the domain out of service and keeps its data.';
comment on column domains.created_at is 'When the row was made.';
comment on column domains.updated_at is 'When the row last changed; set by a trigger.';
create trigger domains_touch before update on domains for each row execute function poststack_touch();
create trigger domains_notify after insert or update or delete on domains for each row execute function poststack_notify('id');
create trigger domains_notify_truncate after truncate on domains for each statement execute function poststack_notify('id');
--rollback drop table domains;
