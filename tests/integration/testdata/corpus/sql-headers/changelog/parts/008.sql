

   
  --liquibase formatted sql
--changeset ops:8
create table header_8 (id int);
