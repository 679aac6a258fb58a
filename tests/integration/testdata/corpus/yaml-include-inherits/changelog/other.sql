--liquibase formatted sql
--changeset ops:other-1
create table other (id int);
--changeset ops:other-2 labels:v3
create table other_v3 (id int);
