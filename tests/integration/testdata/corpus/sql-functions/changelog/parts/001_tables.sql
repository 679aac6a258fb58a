--liquibase formatted sql

--changeset ops:mailbox
create table mailbox (
  id bigint generated always as identity primary key,
  address text not null unique,
  quota_mb int not null default 512 check (quota_mb > 0),
  changed_at timestamptz not null default now()
);
create index mailbox_address_lower on mailbox (lower(address));
--rollback drop table mailbox;
