--liquibase formatted sql
--changeset ops:10
create table name_10 (id int);
