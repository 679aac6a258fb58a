-- liquibase formatted sql
--changeset ops:2
create table header_2 (id int);
--rollback drop table header_2;
