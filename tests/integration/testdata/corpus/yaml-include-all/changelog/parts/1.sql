--liquibase formatted sql
--changeset ops:2
create table one_deep (id int);
