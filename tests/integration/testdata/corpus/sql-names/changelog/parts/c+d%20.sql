--liquibase formatted sql
--changeset ops:12
create table name_12 (id int);
