--liquibase formatted sql
--changeset ops:deep-1
create table deep (id int);
--changeset ops:deep-2 context:@slow labels:v1
create table deep_slow (id int);
