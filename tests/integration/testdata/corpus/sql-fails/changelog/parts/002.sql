--liquibase formatted sql
--changeset ops:2
create table b (id int);
insert into b
values (1, 2);
insert into b
select nothing;
