--liquibase formatted sql
--changeset ops:1
create table header_1 (id int);
--rollback drop table header_1;
