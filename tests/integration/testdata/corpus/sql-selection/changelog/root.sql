--liquibase formatted sql

--changeset ops:always
create table always (id int);

--changeset ops:test context:test
create table test (id int);

--changeset ops:not-test context:!test
create table not_test (id int);

--changeset ops:expression context:"(test or stage) and !slow"
create table expression (id int);

--changeset ops:at context:@demo
create table at_demo (id int);

--changeset ops:both context:test labels:"v1, v2"
create table two_words (id int);

--changeset ops:v3 labels:v3
create table v3 (id int);

--changeset ops:list context:"demo,TEST"
create table list (id int);
