create table plain (id int primary key);
insert into plain values (1); insert into plain values (2);
