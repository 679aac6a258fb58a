package hosting

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/secret"
)

// AccountOptions are what an account is added with.
type AccountOptions struct {
	Password    secret.Value
	DisplayName string
	Quota       int64 // bytes; 0 for no limit
}

// CanAddAccount refuses an address that cannot become an account, before anybody is asked for a password. It returns
// what there is to say about one that can.
func CanAddAccount(ctx context.Context, conn Conn, of Address) (notes []string, err error) {
	defer func() { err = wrapped(err, "look up account %q", of) }()
	id, err := domainID(ctx, conn, of.Domain)
	if err != nil {
		return nil, err
	}
	var there, serves bool
	var to []string
	var left *string // the mailbox that an earlier account has left
	err = conn.QueryRow(ctx, `select exists (select from accounts where domain_id = d.id and local_part = $2),
		array(select destination from aliases where domain_id = d.id and local_part = $2 order by 1),
		serves_mail and enabled, (select mailbox from former_mailboxes where address = $3
			order by removed_at desc, mailbox limit 1)
		from domains d where id = $1`, id, of.Local, of.String()).Scan(&there, &to, &serves, &left)
	switch {
	case err != nil:
		return nil, err
	case there:
		return nil, refuse("account %s is there already; a new password is given with: mage account:password %s", of, of)
	case len(to) > 0:
		return nil, refuse("%s is an alias, which passes mail to %s; remove that first with: mage alias:remove %s",
			of, join(to), of)
	}
	if !serves {
		notes = append(notes,
			fmt.Sprintf("domain %s serves no mail: the account can sign in, and nothing is delivered to it", of.Domain))
	}
	if left != nil {
		notes = append(notes, fmt.Sprintf("an earlier account of this address has left its mail in %s of the mailboxes: "+
			"the new account gets a mailbox of its own", *left))
	}
	return notes, nil
}

// AddAccount adds a mailbox with its password, of which only a hash is kept.
func AddAccount(ctx context.Context, conn Conn, of Address, o AccountOptions) error {
	if o.Quota < 0 {
		return refuse("a quota of %d bytes is less than nothing", o.Quota)
	}
	hashed, err := checkedHash(of, o.Password)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockAliases(ctx, tx); err != nil { // so that it cannot become an alias at the same time
			return err
		}
		if _, err := CanAddAccount(ctx, tx, of); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into accounts (domain_id, local_part, password_hash, display_name, quota_bytes)
			select id, $2, $3, $4, nullif($5::bigint, 0) from domains where name = $1`,
			string(of.Domain), of.Local, hashed, o.DisplayName, o.Quota)
		return err
	})
	return wrapped(err, "add account %q", of)
}

func checkedHash(of Address, password secret.Value) (string, error) {
	if err := CheckPassword(of, password); err != nil {
		return "", err
	}
	return hash(password)
}

// AccountRow is an account, without its hash.
type AccountRow struct {
	Address     string
	DisplayName string
	Quota       int64 // 0 for no limit
	Enabled     bool  // itself
	Domain      bool  // its domain is in service, too
}

// Accounts are the accounts of a domain, or of all for "".
func Accounts(ctx context.Context, conn Conn, of Domain) ([]AccountRow, error) {
	if of != "" {
		if _, err := domainID(ctx, conn, of); err != nil {
			return nil, wrapped(err, "list accounts")
		}
	}
	list, err := collect[AccountRow](ctx, conn, `
		select a.local_part || '@' || d.name, a.display_name, coalesce(a.quota_bytes, 0), a.enabled, d.enabled
		from accounts a join domains d on d.id = a.domain_id where $1 in ('', d.name)
		order by d.name, a.local_part`, string(of))
	return list, wrapped(err, "list accounts")
}

// HasAccount refuses an address that is no account.
func HasAccount(ctx context.Context, conn Conn, of Address) error {
	_, err := accountID(ctx, conn, of)
	return wrapped(err, "look up account %q", of)
}

func accountID(ctx context.Context, conn Conn, of Address) (id int64, err error) {
	if _, err := domainID(ctx, conn, of.Domain); err != nil {
		return 0, err
	}
	err = conn.QueryRow(ctx, `select a.id from accounts a join domains d on d.id = a.domain_id where d.name = $1
		and a.local_part = $2`,
		string(of.Domain), of.Local).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, refuse("there is no account %s; see: mage account:list -of=%s", of, string(of.Domain))
	}
	return id, err
}

// SetPassword gives an account another password.
func SetPassword(ctx context.Context, conn Conn, of Address, password secret.Value) error {
	hashed, err := checkedHash(of, password)
	if err != nil {
		return err
	}
	id, err := accountID(ctx, conn, of)
	if err == nil {
		_, err = conn.Exec(ctx, `update accounts set password_hash = $2 where id = $1`, id, hashed)
	}
	return wrapped(err, "set the password of account %q", of)
}

// EnableAccount lets an account sign in and get mail, or not, and tells whether that was a change.
func EnableAccount(ctx context.Context, conn Conn, of Address, enabled bool) (changed bool, err error) {
	id, err := accountID(ctx, conn, of)
	if err != nil {
		return false, wrapped(err, "change account %q", of)
	}
	tag, err := conn.Exec(ctx, `update accounts set enabled = $2 where id = $1 and enabled <> $2`, id, enabled)
	return tag.RowsAffected() > 0, wrapped(err, "change account %q", of)
}

// AccountDependents are the aliases that pass mail to an account.
func AccountDependents(ctx context.Context, conn Conn, of Address) (Dependents, error) {
	if _, err := accountID(ctx, conn, of); err != nil {
		return Dependents{}, wrapped(err, "look up account %q", of)
	}
	keep, err := column(ctx, conn, `select 'alias ' || a.local_part || '@' || d.name || ' → ' || a.destination
		from aliases a join domains d on d.id = a.domain_id where lower(a.destination) = $1 order by 1`, of.String())
	return Dependents{Keep: keep}, wrapped(err, "look up what depends on account %q", of)
}

// RemoveAccount removes an account; with all, also the aliases that pass mail to it, without which it refuses while
// there are some. Its mail is not in the database.
func RemoveAccount(ctx context.Context, conn Conn, of Address, all bool) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockAliases(ctx, tx); err != nil {
			return err
		}
		depends, err := AccountDependents(ctx, tx, of)
		if err != nil {
			return err
		}
		if len(depends.Keep) > 0 && !all {
			return &RefusedError{Lines(fmt.Sprintf("mail is passed on to account %s, and -all would remove this with it", of),
				depends.Keep)}
		}
		if _, err := tx.Exec(ctx, `delete from aliases where lower(destination) = $1`, of.String()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `delete from accounts a using domains d where d.id = a.domain_id and d.name = $1
			and a.local_part = $2`,
			string(of.Domain), of.Local)
		return err
	})
	return wrapped(err, "remove account %q", of)
}
