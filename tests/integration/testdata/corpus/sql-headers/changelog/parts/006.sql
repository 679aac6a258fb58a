--   liquibase   formatted   sql  logicalFilePath:named/by-header.sql
--changeset ops:6
create table header_6 (id int);
--rollback drop table header_6;
