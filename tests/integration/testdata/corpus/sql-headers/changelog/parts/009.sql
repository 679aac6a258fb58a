-- liquibase formatted sql changeLogId:2f1c

  --  changeset  ops:9  
create table header_9 (id int);
