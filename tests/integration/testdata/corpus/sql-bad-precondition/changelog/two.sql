--liquibase formatted sql
--changeset ops:1
--precondition-column-exists table:a column:b
create table b (id int);
