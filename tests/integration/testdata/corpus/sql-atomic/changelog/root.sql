--liquibase formatted sql

--changeset ops:total splitStatements:false
create table line (id int primary key, cents int not null);
create function total() returns bigint language sql
begin atomic
  select coalesce(sum(cents), 0) from line;
end;
--rollback drop function total(); drop table line;

--changeset ops:add-line splitStatements:false
create procedure add_line(n int, c int) language sql
begin atomic
  insert into line values (n, c);
  update line set cents = case when cents < 0 then 0 else cents end where id = n;
end;
--rollback drop procedure add_line;
