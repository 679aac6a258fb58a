--liquibase formatted sql
--changeset ops:13
create table name_13 (id int);
