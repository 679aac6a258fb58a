--liquibase formatted sql
--changeset ops:1
create table one (id int);
