--liquibase formatted sql

--changeset poststack:016-signed splitStatements:false
--comment: A name server that signs a zone counts its serial further than the table does, by one for each time it signs.
create function poststack_signed(zone text, value jsonb) returns boolean
language sql immutable as $$
  select case jsonb_typeof(value) when 'object' then coalesce(value -> zone, value -> '*') else value end is not distinct from 'true'
$$;
comment on function poststack_signed(text, jsonb) is 'Whether a value of the setting "dnssec" has that zone signed.';
create function poststack_serial_past_signed(serial bigint) returns bigint
language sql stable as $$
  select poststack_next_serial(least(serial + 10000, 4294967294))
$$;
comment on function poststack_serial_past_signed(bigint) is 'A serial after those that a name server has counted to by signing a zone of this serial.';
--rollback drop function poststack_serial_past_signed(bigint);
--rollback drop function poststack_signed(text, jsonb);

--changeset poststack:016-serials-kept splitStatements:false
create table dns_serials (
  name   text not null,
  serial bigint not null,
  constraint dns_serials_pk primary key (name),
  constraint dns_serials_range check (serial between 1 and 4294967295)
);
comment on table dns_serials is 'Serials of zones that were removed or renamed: a zone of that name goes on behind its own, or its secondary servers would not take it.';
comment on column dns_serials.name is 'Name that the zone had.';
comment on column dns_serials.serial is 'The serial that it had last.';
create function poststack_zone_gone() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if exists (select from settings s where s.key = 'dnssec' and poststack_signed(old.name, s.value)) then
    old.serial := poststack_serial_past_signed(old.serial);
  end if;
  insert into dns_serials (name, serial) values (old.name, old.serial)
    on conflict on constraint dns_serials_pk do update set serial = excluded.serial;
  return null;
end
$$;
comment on function poststack_zone_gone() is 'Trigger: keeps the serial of a zone that is removed or renamed.';
create trigger dns_zones_gone after delete on dns_zones for each row execute function poststack_zone_gone();
create trigger dns_zones_renamed after update of name on dns_zones for each row when (old.name <> new.name) execute function poststack_zone_gone();
create function poststack_zone_back() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  last bigint;
begin
  delete from dns_serials k where k.name = new.name returning k.serial into last;
  if last >= new.serial then
    new.serial := poststack_next_serial(last);
  end if;
  return new;
end
$$;
comment on function poststack_zone_back() is 'Trigger: has a zone go on behind the serial that one of its name had.';
create trigger dns_zones_back before insert on dns_zones for each row execute function poststack_zone_back();
create trigger dns_zones_serial_renamed before update of name on dns_zones for each row when (old.name <> new.name) execute function poststack_zone_back();
--rollback drop trigger dns_zones_serial_renamed on dns_zones;
--rollback drop trigger dns_zones_back on dns_zones;
--rollback drop function poststack_zone_back();
--rollback drop trigger dns_zones_renamed on dns_zones;
--rollback drop trigger dns_zones_gone on dns_zones;
--rollback drop function poststack_zone_gone();
--rollback drop table dns_serials;

--changeset poststack:016-serials-unsigned splitStatements:false
--comment: Without signatures a zone must not fall behind the serial that it had with them.
create function poststack_unsigned_serial() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  update dns_zones z set serial = poststack_serial_past_signed(serial)
    where kind = 'primary' and poststack_signed(z.name, old.value) and (tg_op = 'DELETE' or not poststack_signed(z.name, new.value));
  return null;
end
$$;
comment on function poststack_unsigned_serial() is 'Trigger: raises the serials of zones that are not to be signed any more.';
create trigger settings_unsigned_serial after update of value or delete on settings for each row when (old.key = 'dnssec')
  execute function poststack_unsigned_serial();
--rollback drop trigger settings_unsigned_serial on settings;
--rollback drop function poststack_unsigned_serial();

--changeset poststack:016-serials-above splitStatements:false
--comment: What zones above hand over for challenges depends on the zones below them.
create function poststack_above_serial() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  changed text[] := '{}';
begin
  if tg_op <> 'INSERT' then
    changed := changed || old.name;
  end if;
  if tg_op <> 'DELETE' then
    changed := changed || new.name;
  end if;
  update dns_zones z set serial = poststack_next_serial(serial)
    where exists (select from unnest(changed) as below where right(below, length(z.name) + 1) = '.' || z.name);
  return null;
end
$$;
comment on function poststack_above_serial() is 'Trigger: raises the serials of zones above one that comes, goes, or is served no more.';
create trigger dns_zones_above_serial after insert or update of name, kind, enabled or delete on dns_zones
  for each row execute function poststack_above_serial();
--rollback drop trigger dns_zones_above_serial on dns_zones;
--rollback drop function poststack_above_serial();
