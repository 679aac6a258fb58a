--liquibase formatted sql

--changeset ops:slash
create table slash (id int)
/

--changeset ops:go endDelimiter:GO
create table go_one (id int)
GO
create table go_two (text text default 'a;b')
GO

--changeset ops:one-string splitStatements:false
create table a (id int); create table b (id int); insert into a values (1);
