--liquibase formatted
--changeset ops:5
create table header_5 (id int);
--rollback drop table header_5;
