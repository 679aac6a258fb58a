--liquibaseformatted sql
--changeset ops:7
create table header_7 (id int);
--rollback drop table header_7;
