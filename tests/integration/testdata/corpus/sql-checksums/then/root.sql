--liquibase formatted sql

--changeset ops:any
--comment: second form
--validCheckSum: ANY
create table any_sum (id bigint);

--changeset ops:blanks
create table blanks (id int,
    name    text)   ;
