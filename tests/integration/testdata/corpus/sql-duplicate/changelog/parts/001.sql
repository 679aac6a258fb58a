--liquibase formatted sql
--changeset ops:1
create table a (id int);
--changeset ops:1
create table b (id int);
