--liquibase formatted sql
--changeset ops:4
create table three_deep (id int);
