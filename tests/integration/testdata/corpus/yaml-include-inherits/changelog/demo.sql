--liquibase formatted sql
--changeset ops:demo-1 context:slow
create table demo_slow (id int);
--changeset ops:demo-2
create table demo_any (id int);
