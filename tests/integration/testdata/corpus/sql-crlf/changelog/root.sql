--liquibase formatted sql

--changeset ops:1 splitStatements:false
create function f() returns text language sql as $$
  select 'two
lines';
$$;
--rollback drop function f();

--changeset ops:2 labels:none
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:1 select 0
create table no (id int);

--changeset ops:3
create table yes (id int);
create table more (id int);
