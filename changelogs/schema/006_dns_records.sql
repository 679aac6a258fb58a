--liquibase formatted sql

--changeset poststack:006-dns-records splitStatements:false
create table dns_records (
  id         bigint generated always as identity,
  zone_id    bigint not null,
  name       text not null default '@',
  type       text not null,
  priority   integer,
  content    text not null,
  ttl        integer,
  enabled    boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint dns_records_pk primary key (id),
  constraint dns_records_unique unique (zone_id, name, type, content),
  constraint dns_records_zone_fk foreign key (zone_id) references dns_zones (id) on delete cascade,
  constraint dns_records_name_lower check (name = lower(name)),
  constraint dns_records_name_form check (
    name = '@' or length(name) <= 253 and name ~ '^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$'),
  constraint dns_records_type_known check (
    type in ('A', 'AAAA', 'CAA', 'CNAME', 'DS', 'HTTPS', 'MX', 'NAPTR', 'NS', 'PTR', 'SRV', 'SSHFP', 'SVCB', 'TLSA', 'TXT')),
  constraint dns_records_ttl_range check (ttl between 0 and 2147483647),
  constraint dns_records_priority_range check (priority between 0 and 65535),
  constraint dns_records_priority_for_type check ((priority is not null) = (type in ('MX', 'SRV'))),
  constraint dns_records_content_form check (
    case type
      when 'A' then content ~ '^[0-9]{1,3}(\.[0-9]{1,3}){3}$' and family(content::inet) = 4
      when 'AAAA' then content !~ '/' and family(content::inet) = 6
      when 'TXT' then content <> ''
      when 'SRV' then content ~ '^[0-9]{1,5} [0-9]{1,5} [^[:space:]]+$'
      when 'CAA' then content ~ '^[0-9]{1,3} [a-z0-9]+ .+$'
      when 'CNAME' then content ~ '^[^[:space:]]+$' and name <> '@'
      when 'MX' then content ~ '^[^[:space:]]+$'
      when 'NS' then content ~ '^[^[:space:]]+$'
      when 'PTR' then content ~ '^[^[:space:]]+$'
      else content ~ '[^[:space:]]'
    end)
);
comment on table dns_records is 'Records of the primary zones, without the SOA record, which dns_zones holds.';
comment on column dns_records.id is 'Key; never used again after a delete.';
comment on column dns_records.zone_id is 'Zone of the record; its records go when it is deleted.';
comment on column dns_records.name is 'Name relative to the zone, in lower case; @ is the zone itself, * in front stands for every name.';
comment on column dns_records.type is 'Record type, in upper case.';
comment on column dns_records.priority is 'Preference of MX and priority of SRV records, lowest first; null for every other type.';
comment on column dns_records.content is 'Data as in a zone file, without priority: an address, a name (relative to the zone unless it ends with a dot), or text without the outer quotes.';
comment on column dns_records.ttl is 'Seconds that the record may be remembered; null for the zone''s default.';
comment on column dns_records.enabled is 'False leaves the record out of the zone.';
comment on column dns_records.created_at is 'When the row was made.';
comment on column dns_records.updated_at is 'When the row last changed; set by a trigger.';
create unique index dns_records_one_cname on dns_records (zone_id, name) where type = 'CNAME' and enabled;
create trigger dns_records_touch before update on dns_records for each row execute function poststack_touch();
create trigger dns_records_notify after insert or update or delete on dns_records for each row execute function poststack_notify('id');
create trigger dns_records_notify_truncate after truncate on dns_records for each statement execute function poststack_notify('id');
--rollback drop table dns_records;

--changeset poststack:006-dns-records-serial splitStatements:false
create function poststack_records_serial() returns trigger
language plpgsql set search_path from current as $$
begin
  if tg_op = 'INSERT' then
    update dns_zones set serial = poststack_next_serial(serial) where id in (select zone_id from new_rows);
  elsif tg_op = 'DELETE' then
    update dns_zones set serial = poststack_next_serial(serial) where id in (select zone_id from old_rows);
  else
    update dns_zones set serial = poststack_next_serial(serial)
      where id in (select zone_id from new_rows union select zone_id from old_rows);
  end if;
  return null;
end
$$;
comment on function poststack_records_serial() is 'Trigger: raises the serial of every zone whose records a statement changed, once.';
create trigger dns_records_serial_insert after insert on dns_records
  referencing new table as new_rows for each statement execute function poststack_records_serial();
create trigger dns_records_serial_update after update on dns_records
  referencing old table as old_rows new table as new_rows for each statement execute function poststack_records_serial();
create trigger dns_records_serial_delete after delete on dns_records
  referencing old table as old_rows for each statement execute function poststack_records_serial();
--rollback drop trigger dns_records_serial_delete on dns_records;
--rollback drop trigger dns_records_serial_update on dns_records;
--rollback drop trigger dns_records_serial_insert on dns_records;
--rollback drop function poststack_records_serial();

--changeset poststack:006-dns-records-cname splitStatements:false
create function poststack_records_cname() returns trigger
language plpgsql set search_path from current as $$
begin
  -- One change of a zone at a time, so that two cannot each miss the other's record.
  perform 1 from dns_zones where id = new.zone_id for update;
  if new.enabled and exists (
    select 1 from dns_records r
    where r.zone_id = new.zone_id and r.name = new.name and r.id <> new.id and r.enabled
      and (r.type = 'CNAME') <> (new.type = 'CNAME'))
  then
    raise exception 'name "%" has a CNAME record and others', new.name
      using errcode = 'check_violation', table = 'dns_records', constraint = 'dns_records_cname_alone',
        detail = 'A name with a CNAME record can have no other record (RFC 1034, 3.6.2).';
  end if;
  return null;
end
$$;
comment on function poststack_records_cname() is 'Trigger: refuses another record beside a CNAME record.';
create trigger dns_records_cname after insert or update on dns_records for each row execute function poststack_records_cname();
--rollback drop trigger dns_records_cname on dns_records;
--rollback drop function poststack_records_cname();
