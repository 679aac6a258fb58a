--liquibase formatted.sql
--changeset ops:4
create table header_4 (id int);
--rollback drop table header_4;
