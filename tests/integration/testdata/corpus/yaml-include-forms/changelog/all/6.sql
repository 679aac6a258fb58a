--liquibase formatted sql
--changeset ops:6
create table six (id int);
