--liquibase formatted sql

--changeset poststack:015-web-login splitStatements:false rollbackSplitStatements:false
--comment: The web server looks up one account at a time, and cannot list them.
do $do$
begin
  execute format($create$
    create function poststack_web_login(login text) returns table (hash text, address text)
    language sql stable security definer set search_path to %I, pg_temp set lock_timeout to '2s' as $$
      select regexp_replace(a.password_hash, '^\{[A-Z0-9.-]+\}', ''), a.local_part || '@' || d.name
      from accounts a join domains d on d.id = a.domain_id
      where a.enabled and d.enabled and a.password_hash ~ '^(\{[A-Z0-9.-]+\})?\$'
        and d.name = lower(substring(login from '@([^@]*)$')) and a.local_part = lower(substring(login from '^(.*)@'))
    $$
  $create$, current_schema());
end
$do$;
comment on function poststack_web_login(text) is 'Salted hash, as crypt(3) knows it, of the account that signs in to a web site as that address, in any case, with its address in lower case; no row if there is none, or if it or its domain is disabled.';
revoke all on function poststack_web_login(text) from public;
grant execute on function poststack_web_login(text) to poststack_apache;
--rollback drop function poststack_web_login(text);
