--liquibase formatted sql

--changeset poststack:007-certificates splitStatements:false
create table certificates (
  id                 bigint generated always as identity,
  domain_id          bigint not null,
  names              text[] not null,
  status             text not null default 'wanted',
  challenge          text not null default 'http-01',
  directory          text not null,
  issuer             text,
  serial_number      text,
  fingerprint_sha256 text,
  not_before         timestamptz,
  not_after          timestamptz,
  last_error         text,
  created_at         timestamptz not null default now(),
  updated_at         timestamptz not null default now(),
  constraint certificates_pk primary key (id),
  constraint certificates_directory_unique unique (directory),
  constraint certificates_fingerprint_unique unique (fingerprint_sha256),
  constraint certificates_domain_fk foreign key (domain_id) references domains (id) on delete restrict,
  constraint certificates_names_some check (cardinality(names) between 1 and 100 and array_position(names, null) is null),
  constraint certificates_names_lower check (names::text = lower(names::text)),
  constraint certificates_status_known check (status in ('wanted', 'issued', 'failed', 'revoked')),
  constraint certificates_challenge_known check (challenge in ('http-01', 'dns-01')),
  constraint certificates_wildcard_needs_dns check (challenge = 'dns-01' or names::text !~ '\*'),
  constraint certificates_directory_form check (directory ~ '^[a-z0-9][a-z0-9._-]*$'),
  constraint certificates_serial_number_form check (serial_number ~ '^[0-9a-f]+$'),
  constraint certificates_fingerprint_form check (fingerprint_sha256 ~ '^[0-9a-f]{64}$'),
  constraint certificates_validity_order check (not_after > not_before),
  constraint certificates_issued_complete check (
    status <> 'issued'
    or issuer is not null and fingerprint_sha256 is not null and not_before is not null and not_after is not null)
);
comment on table certificates is 'TLS certificates that are wanted or were issued. Files and private keys are on the certificate volume, never here.';
comment on column certificates.id is 'Key; never used again after a delete.';
comment on column certificates.domain_id is 'Domain the certificate is for. A domain with certificates cannot be deleted.';
comment on column certificates.names is 'All names it covers, in lower case; the first is its common name.';
comment on column certificates.status is 'wanted: to be requested; issued; failed: see last_error; revoked.';
comment on column certificates.challenge is 'How the authority checks who owns the names: http-01 or dns-01. Wildcards need dns-01.';
comment on column certificates.directory is 'Directory below CERT_PATH that holds fullchain.pem and privkey.pem.';
comment on column certificates.issuer is 'Distinguished name of the authority; null until it is issued.';
comment on column certificates.serial_number is 'Serial number in lower-case hex.';
comment on column certificates.fingerprint_sha256 is 'SHA-256 of the certificate (DER) in lower-case hex.';
comment on column certificates.not_before is 'Start of its validity.';
comment on column certificates.not_after is 'End of its validity; renewal looks at this.';
comment on column certificates.last_error is 'Why the last request failed, in the authority''s words; null after a success.';
comment on column certificates.created_at is 'When the row was made.';
comment on column certificates.updated_at is 'When the row last changed; set by a trigger.';
create index certificates_by_domain on certificates (domain_id);
create index certificates_by_end on certificates (not_after) where status = 'issued';
create trigger certificates_touch before update on certificates for each row execute function poststack_touch();
create trigger certificates_notify after insert or update or delete on certificates for each row execute function poststack_notify('id');
create trigger certificates_notify_truncate after truncate on certificates for each statement execute function poststack_notify('id');
--rollback drop table certificates;
