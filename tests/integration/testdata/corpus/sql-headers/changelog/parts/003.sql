--LIQUIBASE FORMATTED SQL
--changeset ops:3
create table header_3 (id int);
--rollback drop table header_3;
