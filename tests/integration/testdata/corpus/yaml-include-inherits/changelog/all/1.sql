--liquibase formatted sql
--changeset ops:all
create table all_ignored (id int);
