-- kept
create function f() returns int language plpgsql as $$
begin
  return 1; -- one; two
end $$;
create table after_function (id int);
