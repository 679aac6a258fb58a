--liquibase formatted sql

--changeset ops:escapes
create table quote (id int primary key, text text);
insert into quote values (1, E'it\'s; end'), (2, 'plain '' quote; commit'), (3, U&'d\0061t\+000061');
insert into quote values (4, e'tab\there; \\'), (5, $$dollar 'quote'$$), (6, $a$ $b$ $a$);
--rollback drop table quote;

--changeset ops:identifiers
create table "it's a ""table""; really" (id int primary key, "don't" text, "end" int);
comment on table "it's a ""table""; really" is 'apostrophes; in names';
insert into "it's a ""table""; really" values (1, 'begin', 2);
--rollback drop table "it's a ""table""; really";

--changeset ops:comments stripComments:false
/* a comment; with /* one inside; */ and more */
insert into quote values (10, '-- no comment'); -- a comment; with a delimiter
insert into quote /* here; too */ values (11, '/* none */');
--rollback delete from quote where id >= 10;

--changeset ops:stripped
insert into quote values (12, 'a -- b'); -- gone
/* gone; too */
insert into quote values (13, 'x');
--rollback delete from quote where id in (12, 13);
