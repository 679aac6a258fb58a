--liquibase formatted sql

--changeset poststack:train-1
create table train (id integer primary key);
comment on table train is 'loads the classes which a migration needs';
--rollback drop table train;

--changeset poststack:train-2 runInTransaction:false
create index concurrently train_id on train (id);
--rollback drop index train_id;
