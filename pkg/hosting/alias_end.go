package hosting

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// notes are what there is to say about an alias that was added: of where its mail ends, over other aliases too.
func (m mail) notes(from, to Address) (notes []string, err error) {
	ends, err := m.ends(to)
	for i := 0; err == nil && i < len(ends); i++ {
		end := to // as it was asked for
		if !strings.EqualFold(untagged(to).String(), ends[i]) {
			local, domain, _ := strings.Cut(ends[i], "@")
			end = Address{local, Domain(domain)}
		}
		var why string
		if why, err = m.refused(from, end); why != "" {
			notes = append(notes, why)
		}
	}
	if err != nil {
		return nil, err
	}
	if ends, err = m.ends(from); len(ends) > 1 {
		notes = append(notes,
			fmt.Sprintf("mail for %s goes to %d addresses: a mail transfer agent has to copy it", from, len(ends)))
	}
	return notes, err
}

func untagged(a Address) Address {
	a.Local, _, _ = strings.Cut(a.Local, "+")
	return a
}

// ends are the addresses that lead on to no other, in lower case and without tags: dovecot's query for deliveries asks
// the same.
func (m mail) ends(of Address) ([]string, error) {
	return column(m.ctx, m.tx, `with recursive step (at, next) as (
			select null, $1
			union
			select s.next, nullif(n.next, s.next) from step s left join lateral (
				select split_part(split_part(lower(x.destination), '@', 1), '+', 1) || '@' ||
					split_part(lower(x.destination), '@', 2) as next
				from domains d join aliases x on x.domain_id = d.id and x.enabled and x.local_part = case
					when exists (select from accounts where domain_id = d.id and local_part = split_part(s.next, '@', 1)
						union all select from aliases where domain_id = d.id and local_part = split_part(s.next, '@', 1))
					then split_part(s.next, '@', 1) else '*' end
				where d.name = split_part(s.next, '@', 2) and d.enabled and d.serves_mail
			) n on true
			where s.next is not null
		)
		select at from step where at is not null and next is null order by at`, strings.ToLower(untagged(of).String()))
}

// refused says why mail that ends at an address is not taken there, if it is not.
func (m mail) refused(from, end Address) (string, error) {
	at := untagged(end)
	var served, domainOn, mailbox, on, alias bool
	err := m.tx.QueryRow(m.ctx, `select d.serves_mail, d.enabled, a.id is not null, coalesce(a.enabled, true),
			exists (select from aliases where domain_id = d.id and local_part = $2)
		from domains d left join accounts a on a.domain_id = d.id and a.local_part = $2 where d.name = $1`,
		string(at.Domain), at.Local).Scan(&served, &domainOn, &mailbox, &on, &alias)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", err
	}
	switch {
	case !served:
		return fmt.Sprintf("%s is not served here: a mail transfer agent has to send mail on to it", end), nil
	case !domainOn:
		return fmt.Sprintf("domain %s is disabled: until it is enabled, mail for %s is refused", at.Domain, from), nil
	case !on:
		return fmt.Sprintf("account %s is disabled: until it is enabled, mail for %s is refused", at, from), nil
	case alias:
		return fmt.Sprintf("alias %s is disabled: until it is enabled, mail for %s is refused", at, from), nil
	case !mailbox:
		return fmt.Sprintf("there is no account %s yet: until there is, mail for %s is refused", at, from), nil
	}
	return "", nil
}
