--liquibase formatted sql
--changeset ops:8
create table name_8 (id int);
