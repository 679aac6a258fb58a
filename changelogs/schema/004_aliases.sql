--liquibase formatted sql

--changeset poststack:004-aliases splitStatements:false
create table aliases (
  id          bigint generated always as identity,
  domain_id   bigint not null,
  local_part  text not null,
  destination text not null,
  enabled     boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint aliases_pk primary key (id),
  constraint aliases_destination_unique unique (domain_id, local_part, destination),
  constraint aliases_domain_fk foreign key (domain_id) references domains (id) on delete cascade,
  constraint aliases_local_part_lower check (local_part = lower(local_part)),
  constraint aliases_local_part_form check (
    local_part = '*'
    or length(local_part) <= 64 and local_part ~ '^[a-z0-9!#$%&''*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&''*+/=?^_`{|}~-]+)*$'),
  constraint aliases_destination_form check (
    length(destination) <= 320 and destination ~ '^[^[:space:]@]+@[^[:space:]@]+$')
);
comment on table aliases is 'Addresses that pass mail on. Several rows with one address pass it to several places.';
comment on column aliases.id is 'Key; never used again after a delete.';
comment on column aliases.domain_id is 'Domain of the address; its aliases go when it is deleted.';
comment on column aliases.local_part is 'What stands before the @, in lower case; * takes every address of the domain that is neither an account nor another alias.';
comment on column aliases.destination is 'Address that receives the mail, here or elsewhere.';
comment on column aliases.enabled is 'False ignores this row.';
comment on column aliases.created_at is 'When the row was made.';
comment on column aliases.updated_at is 'When the row last changed; set by a trigger.';
create index aliases_by_destination on aliases (lower(destination));
create trigger aliases_touch before update on aliases for each row execute function poststack_touch();
create trigger aliases_notify after insert or update or delete on aliases for each row execute function poststack_notify('id');
create trigger aliases_notify_truncate after truncate on aliases for each statement execute function poststack_notify('id');
--rollback drop table aliases;
