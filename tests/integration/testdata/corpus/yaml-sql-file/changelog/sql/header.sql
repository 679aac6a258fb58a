--liquibase formatted sql
--changeset ops:1
create table header (id int);
