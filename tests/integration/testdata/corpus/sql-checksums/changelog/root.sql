--liquibase formatted sql

--changeset ops:any
--comment: first form
--validCheckSum: ANY
create table any_sum (id int);

--changeset ops:blanks
create table blanks (id int, name text);
