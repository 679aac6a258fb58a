--liquibase formatted sql
--changeset ops:5
create table name_5 (id int);
