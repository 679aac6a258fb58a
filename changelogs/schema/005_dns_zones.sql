--liquibase formatted sql

--changeset poststack:005-next-serial splitStatements:false
create function poststack_next_serial(serial bigint) returns bigint
language sql stable as $$
  select case
    when serial >= 4294967295 then 1
    else greatest(serial + 1, to_char(now() at time zone 'UTC', 'YYYYMMDD')::bigint * 100)
  end
$$;
comment on function poststack_next_serial(bigint) is 'The zone serial after this one: the date and two digits (YYYYMMDDnn), or one more than before where that is larger.';
--rollback drop function poststack_next_serial(bigint);

--changeset poststack:005-dns-zones splitStatements:false
create table dns_zones (
  id          bigint generated always as identity,
  domain_id   bigint,
  name        text not null,
  kind        text not null default 'primary',
  primaries   inet[] not null default '{}',
  primary_ns  text not null,
  hostmaster  text not null,
  serial      bigint not null default 1,
  refresh     integer not null default 86400,
  retry       integer not null default 7200,
  expire      integer not null default 3600000,
  minimum     integer not null default 3600,
  default_ttl integer not null default 3600,
  enabled     boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  constraint dns_zones_pk primary key (id),
  constraint dns_zones_name_unique unique (name),
  constraint dns_zones_domain_fk foreign key (domain_id) references domains (id) on delete set null,
  constraint dns_zones_name_lower check (name = lower(name)),
  constraint dns_zones_name_form check (
    length(name) <= 253 and name ~ '^([a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  constraint dns_zones_kind_known check (kind in ('primary', 'secondary')),
  constraint dns_zones_primaries_for_secondary check ((kind = 'secondary') = (cardinality(primaries) > 0)),
  constraint dns_zones_primary_ns_form check (primary_ns = lower(primary_ns) and primary_ns !~ '[[:space:]]' and primary_ns ~ '[^.]$'),
  constraint dns_zones_hostmaster_form check (hostmaster ~ '^[^[:space:]@]+@[^[:space:]@]+$'),
  constraint dns_zones_serial_range check (serial between 1 and 4294967295),
  constraint dns_zones_times_range check (
    refresh > 0 and retry > 0 and retry < refresh and expire > refresh and minimum between 0 and 86400 and default_ttl >= 0)
);
comment on table dns_zones is 'Zones that the name server answers for, with the fields of their SOA record.';
comment on column dns_zones.id is 'Key; never used again after a delete.';
comment on column dns_zones.domain_id is 'Domain that the zone belongs to; null for one that serves nothing else, such as a reverse zone.';
comment on column dns_zones.name is 'Name of the zone without the last dot, in lower case.';
comment on column dns_zones.kind is 'primary: its records are in dns_records; secondary: they are transferred from the servers in primaries.';
comment on column dns_zones.primaries is 'Addresses a secondary zone is transferred from; empty for a primary one.';
comment on column dns_zones.primary_ns is 'SOA MNAME: name of the first name server, without the last dot.';
comment on column dns_zones.hostmaster is 'SOA RNAME, written as a mail address.';
comment on column dns_zones.serial is 'SOA serial (RFC 1982), raised by triggers when the zone or one of its records changes.';
comment on column dns_zones.refresh is 'SOA refresh in seconds.';
comment on column dns_zones.retry is 'SOA retry in seconds.';
comment on column dns_zones.expire is 'SOA expire in seconds.';
comment on column dns_zones.minimum is 'How long a name that does not exist may be remembered, in seconds (RFC 2308).';
comment on column dns_zones.default_ttl is 'TTL in seconds of records that have none of their own.';
comment on column dns_zones.enabled is 'False stops answering for the zone and keeps its records.';
comment on column dns_zones.created_at is 'When the row was made.';
comment on column dns_zones.updated_at is 'When the row last changed; set by a trigger.';
create index dns_zones_by_domain on dns_zones (domain_id);
create trigger dns_zones_touch before update on dns_zones for each row execute function poststack_touch();
create trigger dns_zones_notify after insert or update or delete on dns_zones for each row execute function poststack_notify('id');
create trigger dns_zones_notify_truncate after truncate on dns_zones for each statement execute function poststack_notify('id');
--rollback drop table dns_zones;

--changeset poststack:005-dns-zones-serial splitStatements:false
create function poststack_zone_serial() returns trigger
language plpgsql set search_path from current as $$
begin
  new.serial := poststack_next_serial(old.serial);
  return new;
end
$$;
comment on function poststack_zone_serial() is 'Trigger: raises the serial of a zone whose SOA fields changed, unless the change sets one.';
create trigger dns_zones_serial before update on dns_zones for each row
  when (old.serial = new.serial and (old.name, old.primary_ns, old.hostmaster, old.refresh, old.retry, old.expire, old.minimum, old.default_ttl)
    is distinct from (new.name, new.primary_ns, new.hostmaster, new.refresh, new.retry, new.expire, new.minimum, new.default_ttl))
  execute function poststack_zone_serial();
--rollback drop trigger dns_zones_serial on dns_zones;
--rollback drop function poststack_zone_serial();
