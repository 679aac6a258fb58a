-- changes of March
--liquibase formatted sql
--changeset ops:not-read
create table comes_as_one_script (id int);
