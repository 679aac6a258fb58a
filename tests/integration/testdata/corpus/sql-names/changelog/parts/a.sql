--liquibase formatted sql
--changeset ops:3
create table name_3 (id int);
