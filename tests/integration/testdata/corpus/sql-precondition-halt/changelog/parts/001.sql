--liquibase formatted sql

--changeset ops:1
create table one (id int);

--changeset ops:2
--preconditions onFail:HALT
--precondition-sql-check expectedResult:0 select count(*) from one where 1 = 1 union all select 5 limit 1 offset 1
create table two (id int);
