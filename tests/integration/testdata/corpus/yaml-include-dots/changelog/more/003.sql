--liquibase formatted sql
--changeset ops:3
create table three (id int);
