--liquibase formatted sql
--changeset ops:1
create table beside (id int);
