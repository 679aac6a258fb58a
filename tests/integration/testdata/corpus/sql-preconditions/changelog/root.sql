--liquibase formatted sql

--changeset ops:1
create table one (id int);

--changeset ops:mark
--preconditions onFail:MARK_RAN onError:HALT
--precondition-sql-check expectedResult:0 select count(*) from pg_tables where tablename = 'one'
create table one (id int);

--changeset ops:continue
--preconditions onFail:CONTINUE
--precondition-sql-check expectedResult:"yes" select 'no'
create table never (id int);

--changeset ops:warn
--preconditions onFail:WARN
--precondition-sql-check expectedResult:'1' select 2
create table warned (id int);

--changeset ops:error-continue
--preconditions onFail:HALT onError:CONTINUE
--precondition-sql-check expectedResult:1 select count(*) from not_there
create table not_made (id int);

--changeset ops:error-mark
--preconditions onError:MARK_RAN
--precondition-sql-check 1 select count(*) from not_there
create table not_made (id int);

--changeset ops:exists
--preconditions onFail:HALT
--precondition-table-exists table:one
create view v as select * from one;

--changeset ops:view-exists
--preconditions onFail:MARK_RAN
--precondition-view-exists view:v
--precondition-table-exists table:one schema:public
create table both_there (id int);

--changeset ops:lost-check
--precondition-sql-check expectedResult:0 select 1
--preconditions onFail:MARK_RAN
create table lost_check (id int);
