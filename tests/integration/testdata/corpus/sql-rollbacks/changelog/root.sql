--liquibase formatted sql

--changeset ops:1
create table one (id int);
--rollback drop table
--rollback   one;

--changeset ops:2
create table two (id int);
/* liquibase rollback
drop table two;
*/

--changeset ops:3
insert into one values (1);
--rollback not required

--changeset ops:4
insert into one values (2);
--rollback empty

--changeset ops:5
drop table two;
--rollback changesetId:2 changesetAuthor:ops

--changeset ops:6 rollbackSplitStatements:false rollbackEndDelimiter:/
create table six (id int);
--rollback drop table six; select 1;
