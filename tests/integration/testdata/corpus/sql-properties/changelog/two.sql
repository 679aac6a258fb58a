--liquibase formatted sql
--property name:here value:local_two global:false
--property name:mail.table.name value:ignored

--changeset ops:1
create table two_${mail.table.name} (here text default '${here}', db text default '${database.typeName}');
