--liquibase formatted sql
--changeset ops:4
create table name_4 (id int);
