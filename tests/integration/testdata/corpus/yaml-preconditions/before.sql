create table standing (id int, name text);
