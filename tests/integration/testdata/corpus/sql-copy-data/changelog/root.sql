--liquibase formatted sql
--changeset ops:1
create table a (id int, name text);
copy a from stdin;
1	it's
2	b
\.
