--liquibase formatted sql

--changeset ops:1
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:0 select count(*) from pg_tables where tablename = 'account'
create table account (id int primary key);

--changeset ops:2
create table if not exists domain (id int primary key);

--changeset ops:3
alter table domain add column if not exists name text;
