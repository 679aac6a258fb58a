--liquibase formatted sql
--property name:mail.table.name value:mailbox
--property name:size value:64 dbms:oracle
--property name:size value:32 dbms:postgresql,h2
--property name:size value:16
--property name:who value:demo_user context:demo
--property name:who value:real_user context:!demo
--property name:here value:local_one global:false

--changeset ops:1
create table ${mail.table.name} (name varchar(${size}), here text default '${here}', who text default '${who}');
--rollback drop table ${mail.table.name};

--changeset ops:${mail.table.name}-2 context:${nothing}
create table kept (text text default '${not.defined} ${:escaped}');
