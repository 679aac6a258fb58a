--liquibase formatted sql
--changset ops:1
create table never (id int);
