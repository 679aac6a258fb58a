--liquibase formatted sql

--changeset poststack:012-dns-challenges splitStatements:false
create view dns_challenges as
with wanted as (
  select distinct '_acme-challenge.' || regexp_replace(covered, '^\*\.', '') as name
  from certificates, unnest(names) as covered
  where challenge = 'dns-01' and status <> 'revoked'
), above as (
  select w.name, n, array_to_string((string_to_array(w.name, '.'))[n:], '.') as above
  from wanted w, generate_series(1, array_length(string_to_array(w.name, '.'), 1)) as n
  where length(w.name) <= 253
), placed as (
  select distinct on (a.name) a.name, z.id, z.name as zone, z.kind, left(a.name, greatest(length(a.name) - length(z.name) - 1, 0)) as relative
  from above a join dns_zones z on z.name = a.above and z.enabled
  order by a.name, a.n
)
select name, id as zone_id,
  case
    when name = zone then 'zone ' || zone
    when kind = 'secondary' then 'secondary zone ' || zone
    else (
      select 'record ' || r.name || ' ' || r.type || ' ' || r.content from dns_records r
      where r.zone_id = p.id and r.enabled and (
        r.name = relative or right(r.name, length(relative) + 1) = '.' || relative
        or r.type = 'NS' and right(relative, length(r.name) + 1) = '.' || r.name)
      order by r.name, r.type, r.content limit 1)
  end as obstacle
from placed p;
comment on view dns_challenges is 'Names below which an authority looks for the proof of who owns a certificate''s names (dns-01), as far as zones of this server have them.';
comment on column dns_challenges.name is 'Name without the last dot: _acme-challenge in front of a name of the certificate.';
comment on column dns_challenges.zone_id is 'The nearest enabled zone that has it.';
comment on column dns_challenges.obstacle is 'Zone or record of somebody else that is in the way; null if the name becomes a zone of its own, which certbot may change.';
--rollback drop view dns_challenges;

--changeset poststack:012-dns-challenges-serial splitStatements:false
create function poststack_challenges_serial() returns trigger
language plpgsql security definer set search_path from current as $$
declare
  before text[] := '{}';
  after text[] := '{}';
begin
  if tg_op <> 'INSERT' and old.challenge = 'dns-01' and old.status <> 'revoked' then
    before := old.names;
  end if;
  if tg_op <> 'DELETE' and new.challenge = 'dns-01' and new.status <> 'revoked' then
    after := new.names;
  end if;
  if before is distinct from after then
    update dns_zones z set serial = poststack_next_serial(serial)
      where exists (select from unnest(before || after) as covered where right('.' || covered, length(z.name) + 1) = '.' || z.name);
  end if;
  return null;
end
$$;
comment on function poststack_challenges_serial() is 'Trigger: raises the serial of the zones that hand over names of challenges, when those change.';
create trigger certificates_challenges_serial after insert or update of names, challenge, status or delete on certificates
  for each row execute function poststack_challenges_serial();
--rollback drop trigger certificates_challenges_serial on certificates;
--rollback drop function poststack_challenges_serial();

--changeset poststack:012-dns-challenges-grants
grant select on dns_challenges to poststack_bind, poststack_certbot;
--rollback revoke all on dns_challenges from poststack_bind, poststack_certbot;
