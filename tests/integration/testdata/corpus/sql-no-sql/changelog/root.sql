--liquibase formatted sql
--changeset ops:1
--rollback empty
--changeset ops:2
create table b (id int);
