--liquibase formatted sql

--changeset poststack:018-primaries splitStatements:false
--comment: What a zone is transferred from are hosts, not networks: a name server cannot use one, and everything that reads the zones would fail at it.
create function poststack_hosts(addresses inet[]) returns boolean
language sql immutable as $$
  select coalesce(bool_and(masklen(a) = case family(a) when 4 then 32 else 128 end), true) from unnest(addresses) as a
$$;
comment on function poststack_hosts(inet[]) is 'Whether all of these are addresses of hosts, without a mask.';
update dns_zones set primaries = (select array_agg(host(a)::inet order by n) from unnest(primaries) with ordinality as p (a, n))
  where not poststack_hosts(primaries);
alter table dns_zones add constraint dns_zones_primaries_hosts check (poststack_hosts(primaries));
--rollback alter table dns_zones drop constraint dns_zones_primaries_hosts;
--rollback drop function poststack_hosts(inet[]);

--changeset poststack:018-long-records splitStatements:false
--comment: An index has no room for a long text: a record of it would be refused.
alter table dns_records drop constraint dns_records_unique;
create unique index dns_records_unique on dns_records (zone_id, name, type, md5(content));
--rollback drop index dns_records_unique;
--rollback alter table dns_records add constraint dns_records_unique unique (zone_id, name, type, content);

--changeset poststack:018-names splitStatements:false
--comment: Reverse zones of a part of a network have a slash in their names, and so have the records that hand them over (RFC 2317).
alter table dns_records drop constraint dns_records_name_form,
  add constraint dns_records_name_form check (
    name = '@' or length(name) <= 253 and name ~ '^(\*|[a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?)*$'
      and (name !~ '/' or type not in ('A', 'AAAA', 'MX')));
--rollback alter table dns_records drop constraint dns_records_name_form,
--rollback   add constraint dns_records_name_form check (
--rollback     name = '@' or length(name) <= 253 and name ~ '^(\*|[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$');

--changeset poststack:018-types splitStatements:false
alter table dns_records drop constraint dns_records_type_known,
  add constraint dns_records_type_known check (
    type in ('A', 'AAAA', 'CAA', 'CNAME', 'DNAME', 'DS', 'HTTPS', 'LOC', 'MX', 'NAPTR', 'NS', 'OPENPGPKEY', 'PTR', 'SMIMEA', 'SRV', 'SSHFP', 'SVCB', 'TLSA', 'TXT', 'URI')
    or type ~ '^TYPE[1-9][0-9]{2,4}$');
comment on column dns_records.type is 'Record type, in upper case; TYPE and a number for one that has no name here, with a content as \# 2 ABCD (RFC 3597).';
--rollback alter table dns_records drop constraint dns_records_type_known,
--rollback   add constraint dns_records_type_known check (
--rollback     type in ('A', 'AAAA', 'CAA', 'CNAME', 'DS', 'HTTPS', 'MX', 'NAPTR', 'NS', 'PTR', 'SRV', 'SSHFP', 'SVCB', 'TLSA', 'TXT'));
--rollback comment on column dns_records.type is 'Record type, in upper case.';
