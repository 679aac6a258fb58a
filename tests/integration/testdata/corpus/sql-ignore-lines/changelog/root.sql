--liquibase formatted sql

--changeset ops:1
create table kept (
--ignoreLines:1
  dropped text,
  id int
);

--ignoreLines:start
--changeset ops:2
create table dropped (id int);
--ignoreLines:end

--changeset ops:3
create table last (id int);
