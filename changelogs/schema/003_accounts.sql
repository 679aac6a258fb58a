--liquibase formatted sql

--changeset poststack:003-accounts splitStatements:false
create table accounts (
  id            bigint generated always as identity,
  domain_id     bigint not null,
  local_part    text not null,
  password_hash text not null,
  display_name  text not null default '',
  quota_bytes   bigint,
  enabled       boolean not null default true,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  constraint accounts_pk primary key (id),
  constraint accounts_address_unique unique (domain_id, local_part),
  constraint accounts_domain_fk foreign key (domain_id) references domains (id) on delete restrict,
  constraint accounts_local_part_lower check (local_part = lower(local_part)),
  constraint accounts_local_part_form check (
    length(local_part) <= 64 and local_part ~ '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*$'),
  constraint accounts_password_hash_form check (
    password_hash ~ '^(\{[A-Z0-9.-]+\})?\$[0-9a-z-]+\$.{20,}$' or password_hash ~ '^\{(SCRAM-SHA-256|PBKDF2|SSHA512|SSHA256)[A-Z0-9.-]*\}.{20,}$'),
  constraint accounts_quota_positive check (quota_bytes > 0)
);
comment on table accounts is 'Mailboxes: people and programs who sign in to read and send mail.';
comment on column accounts.id is 'Key; never used again after a delete.';
comment on column accounts.domain_id is 'Domain of the address. A domain with accounts cannot be deleted.';
comment on column accounts.local_part is 'What stands before the @, in lower case.';
comment on column accounts.password_hash is 'Salted hash as the mail server checks it, such as {BLF-CRYPT}$2y$... or $6$...; never a password.';
comment on column accounts.display_name is 'Name shown to people; may be empty.';
comment on column accounts.quota_bytes is 'Largest size of the mailbox in bytes; null for no limit.';
comment on column accounts.enabled is 'False refuses sign-in and delivery and keeps the mail.';
comment on column accounts.created_at is 'When the row was made.';
comment on column accounts.updated_at is 'When the row last changed; set by a trigger.';
create trigger accounts_touch before update on accounts for each row execute function poststack_touch();
create trigger accounts_notify after insert or update or delete on accounts for each row execute function poststack_notify('id');
create trigger accounts_notify_truncate after truncate on accounts for each statement execute function poststack_notify('id');
--rollback drop table accounts;
