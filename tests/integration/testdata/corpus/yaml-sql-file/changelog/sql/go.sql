create table go_one (id int)
GO
create table go_two (id int);
GO
