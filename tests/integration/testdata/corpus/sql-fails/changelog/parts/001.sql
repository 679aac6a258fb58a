--liquibase formatted sql
--changeset ops:1
create table a (id int);
