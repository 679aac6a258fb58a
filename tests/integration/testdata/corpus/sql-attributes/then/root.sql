--liquibase formatted sql

--changeset ops:always runAlways:TRUE
create table if not exists runs (n int generated always as identity);
insert into runs default values;

--changeset ops:not-always runAlways:yes
create table yes_is_no (id int);

--changeset ops:view runOnChange:true
create or replace view latest as select max(n) as n, count(*) as runs from runs;

--changeset ops:concurrently runInTransaction:FALSE
create index concurrently runs_n on runs (n);

--changeset ops:may-fail failOnError:FALSE
insert into nowhere values (1);

--changeset ops:after
create table after_failure (id int);

--changeset ops:ignored ignore:true
create table ignored (id int);
