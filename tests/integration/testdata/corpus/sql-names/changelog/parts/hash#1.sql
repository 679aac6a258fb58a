--liquibase formatted sql
--changeset ops:7
create table name_7 (id int);
