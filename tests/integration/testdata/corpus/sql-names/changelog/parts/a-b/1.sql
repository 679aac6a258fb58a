--liquibase formatted sql
--changeset ops:2
create table name_2 (id int);
