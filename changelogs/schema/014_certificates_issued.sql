--liquibase formatted sql

--changeset poststack:014-certificates-asked splitStatements:false
--comment: What the service that issues certificates must remember over a restart, and what people ask of it.
alter table certificates
  add column wanted_at timestamptz,
  add column tried_at timestamptz,
  add column revoked_at timestamptz;
comment on column certificates.wanted_at is 'When somebody asked for it to be issued or renewed at once; null again once that was tried.';
comment on column certificates.tried_at is 'When the authority was last asked. After a failure it is asked again an hour later.';
comment on column certificates.revoked_at is 'When the authority had revoked it; null until then.';
--rollback alter table certificates drop column revoked_at, drop column tried_at, drop column wanted_at;

--changeset poststack:014-certificates-grant splitStatements:false
--comment: The service that issues certificates tells what came of it, and may change nothing else.
grant update (status, issuer, serial_number, fingerprint_sha256, not_before, not_after, last_error, wanted_at, tried_at, revoked_at)
  on certificates to poststack_certbot;
--rollback revoke update on certificates from poststack_certbot;
