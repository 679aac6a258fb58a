--liquibase formatted sql

--changeset ops:A
create table upper_id (id int);

--changeset ops:a
create table lower_id (id int);

--changeset Ops:a
create table upper_author (id int);

--CHANGESET ops:loud RUNONCHANGE:TRUE
create table loud (id int);
