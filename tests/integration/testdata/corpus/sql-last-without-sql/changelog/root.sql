--liquibase formatted sql
--changeset ops:1
create table made (id int);
--changeset ops:2
