--liquibase formatted sql

--changeset poststack:017-mailboxes splitStatements:false
--comment: Whoever gets the address of an earlier account gets none of its mail, and mail stays with an account whose address changes.
create table former_mailboxes (
  mailbox    text not null,
  address    text not null,
  removed_at timestamptz not null default now(),
  constraint former_mailboxes_pk primary key (mailbox)
);
comment on table former_mailboxes is 'Mailboxes that accounts had which were removed. Their mail stays, and no other account gets it by itself.';
comment on column former_mailboxes.mailbox is 'The mailbox, as in accounts.';
comment on column former_mailboxes.address is 'Address of the account that had it last.';
comment on column former_mailboxes.removed_at is 'When the account was removed.';
alter table accounts add column mailbox text;
update accounts a set mailbox = d.name || '/' || replace(replace(a.local_part, '=', '=3D'), '/', '=2F') from domains d where d.id = a.domain_id;
alter table accounts alter column mailbox set not null,
  add constraint accounts_mailbox_unique unique (mailbox),
  add constraint accounts_mailbox_form check (mailbox ~ '^[^./[:cntrl:]][^/[:cntrl:]]*/[^./[:cntrl:]][^/[:cntrl:]]*$');
comment on column accounts.mailbox is 'Directory of its mail below that of all mailboxes: DOMAIN/NAME as they were when it was made, with =ID behind it where an earlier account had that.';
create function poststack_mailbox() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  if new.mailbox is null then
    select d.name || '/' || replace(replace(new.local_part, '=', '=3D'), '/', '=2F') into new.mailbox from domains d where d.id = new.domain_id;
    if exists (select from former_mailboxes f where f.mailbox = new.mailbox) or exists (select from accounts a where a.mailbox = new.mailbox) then
      new.mailbox := new.mailbox || '=' || new.id;
    end if;
  end if;
  delete from former_mailboxes f where f.mailbox = new.mailbox;
  return new;
end
$$;
comment on function poststack_mailbox() is 'Trigger: gives a new account a mailbox that nobody has had, unless one is named.';
create trigger accounts_mailbox before insert or update of mailbox on accounts for each row execute function poststack_mailbox();
create function poststack_mailbox_left() returns trigger
language plpgsql security definer set search_path from current as $$
begin
  insert into former_mailboxes (mailbox, address)
    select old.mailbox, old.local_part || '@' || coalesce((select d.name from domains d where d.id = old.domain_id), split_part(old.mailbox, '/', 1))
    on conflict on constraint former_mailboxes_pk do nothing;
  return null;
end
$$;
comment on function poststack_mailbox_left() is 'Trigger: keeps in mind the mailbox that an account leaves.';
create trigger accounts_mailbox_left after delete on accounts for each row execute function poststack_mailbox_left();
create trigger accounts_mailbox_changed after update of mailbox on accounts for each row when (old.mailbox <> new.mailbox)
  execute function poststack_mailbox_left();
--rollback drop trigger accounts_mailbox_changed on accounts;
--rollback drop trigger accounts_mailbox_left on accounts;
--rollback drop function poststack_mailbox_left();
--rollback drop trigger accounts_mailbox on accounts;
--rollback drop function poststack_mailbox();
--rollback alter table accounts drop column mailbox;
--rollback drop table former_mailboxes;
