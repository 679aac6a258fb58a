--liquibase formatted sql
--changeset ops:3
create table two_deep (id int);
