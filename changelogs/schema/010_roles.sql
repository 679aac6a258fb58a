--liquibase formatted sql

--changeset poststack:010-roles splitStatements:false rollbackSplitStatements:false
--comment: Roles belong to the server, not to the database: another database of it may have made them already, and may still use them after a rollback here.
do $$
declare
  name text;
begin
  foreach name in array array['poststack_apache', 'poststack_bind', 'poststack_certbot', 'poststack_dovecot', 'poststack_nginx'] loop
    if exists (select 1 from pg_roles where rolname = name) then
      continue;
    end if;
    begin
      execute format('create role %I nologin', name);
    exception
      when duplicate_object or unique_violation then
        null; -- made meanwhile, for another database
      when insufficient_privilege then
        raise exception 'role "%" does not exist, and user "%" may not create it', name, current_user
          using errcode = 'insufficient_privilege',
            hint = format('let an administrator run: create role %I nologin', name);
    end;
  end loop;
end
$$;
/* liquibase rollback
do $$
declare
  name text;
begin
  foreach name in array array['poststack_apache', 'poststack_bind', 'poststack_certbot', 'poststack_dovecot', 'poststack_nginx'] loop
    begin
      if exists (select 1 from pg_roles r join pg_auth_members m on m.roleid = r.oid
                 where r.rolname = name and m.member <> (select oid from pg_roles where rolname = current_user)) then
        raise notice 'role "%" stays: it has members', name;
      else
        execute format('drop role if exists %I', name);
      end if;
    exception
      when dependent_objects_still_exist or insufficient_privilege then
        raise notice 'role "%" stays: %', name, sqlerrm;
    end;
  end loop;
end
$$;
*/
