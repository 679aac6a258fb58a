--liquibase formatted sql

--changeset poststack:011-grants splitStatements:false rollbackSplitStatements:false
--comment: Each service reads what it needs and nothing else; only the mail server sees password hashes.
do $$
begin
  execute format('grant usage on schema %I to poststack_apache, poststack_bind, poststack_certbot, poststack_dovecot, poststack_nginx', current_schema());
end
$$;
grant select on services, settings to poststack_apache, poststack_bind, poststack_certbot, poststack_dovecot, poststack_nginx;
grant select on domains to poststack_apache, poststack_certbot, poststack_dovecot, poststack_nginx;
grant select on certificates to poststack_apache, poststack_certbot, poststack_dovecot, poststack_nginx;
grant select on accounts, aliases to poststack_dovecot;
grant select on dns_zones, dns_records to poststack_bind, poststack_certbot;
/* liquibase rollback
revoke all on domains, accounts, aliases, dns_zones, dns_records, certificates, services, settings
  from poststack_apache, poststack_bind, poststack_certbot, poststack_dovecot, poststack_nginx;
do $$
begin
  execute format('revoke usage on schema %I from poststack_apache, poststack_bind, poststack_certbot, poststack_dovecot, poststack_nginx', current_schema());
end
$$;
*/
