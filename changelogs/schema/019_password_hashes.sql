--liquibase formatted sql

--changeset poststack:019-password-hashes splitStatements:false
--comment: A hash that was pasted with the end of its line is nobody's password: dovecot compares every character.
update accounts set password_hash = regexp_replace(password_hash, '\s', '', 'g') where password_hash ~ '\s';
alter table accounts add constraint accounts_password_hash_blanks check (password_hash !~ '\s');
--rollback alter table accounts drop constraint accounts_password_hash_blanks;
