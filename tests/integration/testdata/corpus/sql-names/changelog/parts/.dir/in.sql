--liquibase formatted sql
--changeset ops:9
create table name_9 (id int);
