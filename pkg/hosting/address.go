package hosting

import (
	"regexp"
	"strings"
	"unicode"
)

// Address is a mail address as the tables keep it. The local part * is that of a catch-all.
type Address struct {
	Local  string
	Domain Domain
}

func (a Address) String() string { return a.Local + "@" + string(a.Domain) }

// localForm is what the database takes before the @.
var localForm = regexp.MustCompile("^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$")

// maxLocal is the longest part before the @ (RFC 5321, 4.5.3.1.1).
const maxLocal = 64

// ParseAddress reads the address of a mailbox as people write it. Errors are *[RefusedError].
func ParseAddress(text string) (Address, error) {
	local, domain, err := splitAddress(text)
	if err != nil {
		return Address{}, err
	}
	if err := checkLocal(local, text); err != nil {
		return Address{}, err
	}
	local = strings.ToLower(local)
	switch tagged, _, has := strings.Cut(local, "+"); {
	case has && tagged == "":
		return Address{}, refuse("%q: what stands behind a + is a tag, and nothing stands before the +", text)
	case has:
		return Address{}, refuse("%q: what stands behind a + is a tag, and its mail goes to %s@%s; leave the tag out",
			text, tagged, domain)
	}
	if strings.ContainsAny(local, "*") {
		return Address{}, refuse("%q: a * is for the alias that takes all other addresses of a domain; see: mage alias:add",
			text)
	}
	return Address{local, domain}, nil
}

// ParseAlias reads the address of an alias: that of a mailbox, or *@DOMAIN for all other addresses of a domain.
func ParseAlias(text string) (Address, error) {
	if rest, found := strings.CutPrefix(strings.TrimSpace(text), "*@"); found {
		domain, err := ParseDomain(rest)
		return Address{"*", domain}, err
	}
	return ParseAddress(text)
}

// ParseDestination reads an address that mail is passed on to, which may be elsewhere: there capitals and tags before
// the @ may mean something.
func ParseDestination(text string) (Address, error) {
	local, domain, err := splitAddress(text)
	if err != nil {
		return Address{}, err
	}
	if local == "*" {
		return Address{}, refuse("%q: mail is passed on to one address, not to all of a domain", text)
	}
	if err := checkLocal(local, text); err != nil {
		return Address{}, err
	}
	return Address{local, domain}, nil
}

func splitAddress(text string) (string, Domain, error) {
	trimmed := strings.TrimSpace(text)
	at := strings.LastIndexByte(trimmed, '@')
	switch {
	case at < 0:
		return "", "", refuse("%q is no mail address: there is no @ in it; write one such as ada@example.org", text)
	case at == 0:
		return "", "", refuse("%q is no mail address: nothing stands before the @; write one such as ada@example.org", text)
	case at == len(trimmed)-1:
		return "", "", refuse("%q is no mail address: nothing stands behind the @; write one such as ada@example.org", text)
	}
	domain, err := ParseDomain(trimmed[at+1:])
	return trimmed[:at], domain, err
}

// checkLocal says in plain words why a part before the @ cannot be kept. It is as it was typed: some foreign letters
// have one of a to z in lower case.
func checkLocal(local, asked string) error {
	foreign := strings.IndexFunc(local, func(r rune) bool { return r > unicode.MaxASCII })
	switch {
	case foreign >= 0:
		return refuse("%q: before the @ only letters a to z, digits and . _ - can be used, not %q: other mail servers "+
			"could not write to it; behind the @ foreign letters are fine", asked, []rune(local[foreign:])[0])
	case len(local) > maxLocal:
		return refuse("%q: %d characters stand before the @, and at most %d may", asked, len(local), maxLocal)
	case strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return refuse("%q: before the @, a dot stands between other characters, and never beside another dot", asked)
	case strings.Contains(local, "@"):
		return refuse("%q is no mail address: it has more than one @", asked)
	case !localForm.MatchString(strings.ToLower(local)):
		return refuse("%q: before the @ only letters a to z, digits and . _ - can be used", asked)
	}
	return nil
}
