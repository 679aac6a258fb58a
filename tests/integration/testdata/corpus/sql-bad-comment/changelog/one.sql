--liquibase formatted sql

--comment: before any changeset
--changeset ops:1
create table a (id int);
