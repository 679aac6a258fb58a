--liquibase formatted sql
--changeset ops:1 runWith:nobody
create table a (id int);
