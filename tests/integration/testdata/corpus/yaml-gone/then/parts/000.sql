--liquibase formatted sql
--changeset ops:0
create table zero (id int);
