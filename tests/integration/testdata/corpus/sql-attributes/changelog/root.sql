--liquibase formatted sql

--changeset ops:always runAlways:TRUE
create table if not exists runs (n int generated always as identity);
insert into runs default values;

--changeset ops:not-always runAlways:yes
create table yes_is_no (id int);

--changeset ops:view runOnChange:true
create or replace view latest as select max(n) as n from runs;

--changeset ops:concurrently runInTransaction:FALSE
create index concurrently runs_n on runs (n);

--changeset ops:may-fail failOnError:FALSE
insert into nowhere values (1);

--changeset ops:after
create table after_failure (id int);

--changeset ops:ignored ignore:true
create table ignored (id int);

--changeset "Jo Smith":"two words: one id"
create table quoted_names (id int);

--changeset ops.mail@example.org:2024-01-05:10
create table colon_id (id int);

--changeset ops:skip-oracle dbms:oracle
create table oracle_only (id int);

--changeset ops:not-oracle dbms:!oracle,!h2
create table not_oracle (id int);

--changeset ops:list dbms:h2,postgresql
create table in_list (id int);

--changeset ops:none dbms:none
create table for_none (id int);

--changeset ops:all dbms:all,none
create table for_all (id int);

--changeset ops:many contextFilter:"!demo" labels:"a,b" runOnChange:false stripComments:false comment:here
create table many (id int);
