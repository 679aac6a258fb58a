package hosting

import (
	"regexp"
	"strings"

	"github.com/poststack/poststack/pkg/agent/quote"
)

// fields are the contents that are words with blanks between them.
func (p *Parsed) fields(zone Domain, content string) (string, error) {
	words, err := quote.Tokens(content)
	if err != nil {
		return "", refuse("%s", err.Error())
	}
	switch p.Type {
	case "TLSA", "SMIMEA", "SSHFP", "DS":
		return p.digest(words)
	}
	if strings.HasPrefix(p.Type, "TYPE") {
		return strings.Join(words, " "), nil
	}
	form := map[string]struct {
		least, most, name int
		example           string
	}{
		"HTTPS":      {2, len(words), 1, "1 . alpn=h2"},
		"SVCB":       {2, len(words), 1, "1 . alpn=h2"},
		"LOC":        {5, len(words), -1, "52 22 23 N 4 53 32 E -2m"},
		"OPENPGPKEY": {1, len(words), -1, "the key in base64"},
		"URI":        {3, 3, -1, `10 1 "ftp://ftp.example.org/"`},
		"NAPTR":      {6, 6, 5, `100 10 "u" "sip+E2U" "!^.*$!sip:ada@example.org!" .`},
	}[p.Type]
	if len(words) < form.least || len(words) > form.most {
		return "", refuse("%q is no content of a %s record; write it as: %s", content, p.Type, form.example)
	}
	if form.name < 0 {
		return strings.Join(words, " "), nil
	}
	if words[form.name], err = p.targetName(zone, words[form.name]); err != nil {
		return "", err
	}
	return strings.Join(words, " "), nil
}

// digest is a content of numbers with a digest in hex behind them, which dig and others show with blanks in it.
func (p *Parsed) digest(words []string) (string, error) {
	if p.Type == "DS" && p.Name == "@" {
		return "", refuse("the DS record of a zone is kept in the zone above it, at whoever has that")
	}
	form := map[string]struct{ numbers, example string }{
		"TLSA": {`[0-3] [01] ([0-2])`, "3 1 1"}, "SMIMEA": {`[0-3] [01] ([0-2])`, "3 1 1"},
		"SSHFP": {`\d{1,3} (\d{1,3})`, "4 2"}, "DS": {`\d{1,5} \d{1,3} (\d{1,3})`, "12345 13 2"},
	}[p.Type]
	typed := strings.Join(words, " ")
	m := regexp.MustCompile(`^(` + form.numbers + `) (( ?[0-9A-Fa-f] ?[0-9A-Fa-f])+)$`).FindStringSubmatch(typed)
	if m == nil {
		return "", refuse("%q is no content of a %s record; write it as: %s and a digest in hex", typed, p.Type, form.example)
	}
	numbers, kind, hex := m[1], m[2], strings.ReplaceAll(m[3], " ", "")
	// How many digits each kind has: RFC 4034 and 4509, 6698, 4255 and 6594.
	digits := map[string]int{
		"TLSA 1": 64, "TLSA 2": 128, "SMIMEA 1": 64, "SMIMEA 2": 128,
		"SSHFP 1": 40, "SSHFP 2": 64, "DS 1": 40, "DS 2": 64, "DS 4": 96,
	}
	if want := digits[p.Type+" "+kind]; want != 0 && want != len(hex) {
		return "", refuse("%q: a digest of the kind %s has %d hex digits in a %s record, and this one has %d",
			typed, kind, want, p.Type, len(hex))
	}
	return numbers + " " + hex, nil
}
