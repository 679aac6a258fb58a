--liquibase formatted sql
--changeset ops:2
create table two (id int);
