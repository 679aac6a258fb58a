--liquibase formatted sql
--changeset ops:11
create table name_11 (id int);
