--liquibase formatted sql logicalFilePath:/old/place.sql
--changeset ops:1
create table one (id int);
--changeset ops:2 logicalFilePath:own.sql
create table own (id int);
