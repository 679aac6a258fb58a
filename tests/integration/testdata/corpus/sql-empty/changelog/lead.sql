--liquibase formatted sql
create table before_the_first (id int);
--changeset ops:1
create table in_it (id int);
