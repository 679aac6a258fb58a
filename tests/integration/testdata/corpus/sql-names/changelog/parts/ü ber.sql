--liquibase formatted sql
--changeset ops:6
create table name_6 (id int);
