--liquibase formatted sql
--changeset ops:6
create table in_demo (id int);
