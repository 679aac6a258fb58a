package hosting

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/poststack/poststack/pkg/agent/quote"
)

// text is the content of a TXT record: what stands in the quotes, if it was typed or copied as zone files have it.
func (p *Parsed) text(content string) (string, error) {
	if strs, found := quotedStrings(content); found {
		p.Notes = append(p.Notes, "the quotes around the text are left out: they are written into the zone by themselves")
		if len(strs) > 1 {
			p.Notes = append(p.Notes,
				"its "+strconv.Itoa(len(strs))+" strings are kept as one text, as who asks for it reads them")
		}
		content = strings.Join(strs, "")
	}
	if content == "" {
		return "", refuse("a TXT record without content; give it as the last argument")
	}
	if strings.ContainsFunc(content, unicode.IsControl) { // between strings of a zone file there may be ends of lines
		return "", refuse("the content of %s TXT has the end of a line or another character that nobody sees in it", p.Name)
	}
	return content, checkPolicy(p.Name, content)
}

// quotedStrings are what stands between quotes, if there is nothing else: parentheses around them, and a comment
// behind them, are of zone files, too.
func quotedStrings(content string) ([]string, bool) {
	rest, open := strings.CutPrefix(strings.TrimSpace(content), "(")
	one := regexp.MustCompile(`^\s*"((?:[^"\\]|\\.)*)"`)
	var strs []string
	for m := one.FindStringSubmatch(rest); m != nil; m = one.FindStringSubmatch(rest) {
		text, err := quote.Unescape(m[1])
		if err != nil {
			return nil, false
		}
		strs, rest = append(strs, text), rest[len(m[0]):]
	}
	rest, closed := strings.CutPrefix(strings.TrimSpace(rest), ")")
	rest = strings.TrimSpace(rest)
	return strs, len(strs) > 0 && open == closed && (rest == "" || strings.HasPrefix(rest, ";"))
}

// policy is what tells a text that says how mail is to be judged, of which a name has one: v=spf1 or v=DMARC1; "" for
// others.
func policy(kind, content string) string {
	if kind != "TXT" {
		return ""
	}
	lower := strings.ToLower(content)
	switch {
	case lower == "v=spf1" || strings.HasPrefix(lower, "v=spf1 "):
		return "SPF"
	case regexp.MustCompile(`^v\s*=\s*dmarc1\s*(;|$)`).MatchString(lower):
		return "DMARC"
	}
	return ""
}

// checkPolicy refuses a text by which receivers of mail would not know what is meant, so that they would take it for
// none.
func checkPolicy(name, content string) error {
	of := policy("TXT", content)
	switch {
	case of == "SPF":
		return checkSPF(content)
	// also of domains that let reports of theirs be sent here
	case name != "_dmarc" && !strings.HasPrefix(name, "_dmarc."):
		return nil
	case of == "DMARC":
		return checkDMARC(content)
	default:
		return refuse("%q: what stands at _dmarc begins with v=DMARC1; as in v=DMARC1; p=quarantine", content)
	}
}

// maxLookups is how many terms of a policy may have a receiver ask the DNS (RFC 7208, 4.6.4).
const maxLookups = 10

func checkSPF(content string) error {
	const address = `(:[^\s/]+)?(/\d{1,3})?(//\d{1,3})?`
	known := regexp.MustCompile(`(?i)^([+?~-]?(all|(include|exists):\S+|ptr(:\S+)?|(a|mx)` + address +
		`|ip4:[0-9.]+(/\d{1,2})?|ip6:[0-9a-f:.]+(/\d{1,3})?)|[a-z][a-z0-9._-]*=\S*)$`)
	asks := regexp.MustCompile(`(?i)^([+?~-]?(include:|exists:|ptr(:|$)|(a|mx)([:/]|$))|redirect=)`)
	lookups := 0
	for _, term := range strings.Fields(content)[1:] {
		if !known.MatchString(term) {
			return refuse("%q: SPF knows no %s; its terms are such as mx, a:host.example.org, ip4:192.0.2.1, "+
				"include:example.net and -all",
				content, term)
		}
		if asks.MatchString(term) {
			lookups++
		}
	}
	if lookups > maxLookups {
		return refuse("%d terms of this SPF record have a receiver ask the DNS, and it may do so %d times before it takes "+
			"the record for none; name addresses as ip4: and ip6:",
			lookups, maxLookups)
	}
	return nil
}

func checkDMARC(content string) error {
	tag := regexp.MustCompile(`^\s*([A-Za-z]+)\s*=\s*(\S.*)$`)
	found := ""
	for _, part := range strings.Split(strings.TrimRight(content, "; "), ";") {
		m := tag.FindStringSubmatch(part)
		if m == nil {
			return refuse("%q: %q is no part of a DMARC record, which has NAME=VALUE between semicolons",
				content, strings.TrimSpace(part))
		}
		if strings.EqualFold(m[1], "p") {
			found = strings.ToLower(strings.TrimSpace(m[2]))
		}
	}
	switch found {
	case "none", "quarantine", "reject":
		return nil
	}
	return refuse("%q: a DMARC record has p=none, p=quarantine or p=reject", content)
}
