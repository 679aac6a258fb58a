package quote

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// TTL gives a value that is a time to live in seconds; with most, at most that.
func TTL(value any, most ...int) (string, error) {
	text, err := Number(value)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(text)
	for _, limit := range most {
		n = min(n, limit)
	}
	return strconv.Itoa(n), err
}

func addressOf(content string, is func(netip.Addr) bool) (string, error) {
	address, err := netip.ParseAddr(content)
	if err != nil || !is(address) || address.Zone() != "" {
		return "", fmt.Errorf("%q is no address of that kind", content)
	}
	return address.String(), nil
}

// server is what an SRV record holds after its priority.
func server(content string) (string, error) {
	fields, err := numbered(content, 3, 65535, 65535)
	if err != nil {
		return "", err
	}
	if fields[2], err = ZoneName(fields[2]); err != nil {
		return "", err
	}
	return strings.Join(fields, " "), nil
}

// text writes a text of any length: as strings that are as long as they can be.
func text(content string) (string, error) {
	var strs []string
	for rest := content; rest != "" || strs == nil; {
		n := min(len(rest), maxString)
		strs = append(strs, `"`+escaped(rest[:n], isVisible)+`"`)
		rest = rest[n:]
	}
	if len(content)+len(strs) > maxData {
		return "", fmt.Errorf("a text of %d bytes is longer than a record can hold", len(content))
	}
	return strings.Join(strs, " "), nil
}

// authority is what a CAA record holds. Quotes around the value do not belong to it.
func authority(content string) (string, error) {
	fields := strings.SplitN(content, " ", 3)
	if len(fields) != 3 || !regexp.MustCompile(`^[A-Za-z0-9]{1,15}$`).MatchString(fields[1]) {
		return "", fmt.Errorf("%q is not as 0 issue ca.example.net", content)
	}
	if err := below(fields[0], 255); err != nil {
		return "", err
	}
	value := fields[2]
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	if len(value) > maxData-len(fields[1])-2 {
		return "", fmt.Errorf("a value of %d bytes is longer than a record can hold", len(value))
	}
	return fields[0] + " " + fields[1] + ` "` + escaped(value, isVisible) + `"`, nil
}

// digest is what is written as numbers and hex digits.
func digest(content string, most ...uint64) (string, error) {
	fields, err := numbered(content, len(most)+1, most...)
	if err != nil {
		return "", err
	}
	hex := strings.ReplaceAll(fields[len(most)], " ", "")
	if !regexp.MustCompile(`^([0-9A-Fa-f]{2})+$`).MatchString(hex) {
		return "", fmt.Errorf("%q does not end with hex digits", content)
	}
	return strings.Join(append(fields[:len(most)], hex), " "), nil
}

// What records hold that have no other parts: a place, to the thousandth of a second and the centimetre (RFC 1876), and
// a key.
var (
	location = regexp.MustCompile(`^([0-9]+)( [0-9]+)?( [0-9]+(?:\.[0-9]{1,3})?)? ([NS])` +
		` ([0-9]+)( [0-9]+)?( [0-9]+(?:\.[0-9]{1,3})?)? ([EW])` +
		`( -?[0-9]{1,8}(?:\.[0-9]{1,2})?m?(?: [0-9]{1,8}(?:\.[0-9]{1,2})?m?){0,3})$`)
	base64 = regexp.MustCompile(`^[A-Za-z0-9+/ ]+={0,2}$`)
)

// place is what a LOC record holds, with the minutes and seconds that may be left out.
func place(content string) (string, error) {
	m := location.FindStringSubmatch(strings.Join(strings.Fields(content), " "))
	if m == nil {
		return matching(content, location)
	}
	const none = " 0"
	return m[1] + cmp.Or(m[2], none) + cmp.Or(m[3], none) + " " + m[4] + " " +
		m[5] + cmp.Or(m[6], none) + cmp.Or(m[7], none) + " " + m[8] + m[9], nil
}

func matching(content string, form *regexp.Regexp) (string, error) {
	if !form.MatchString(content) {
		return "", fmt.Errorf("%q has not the form of such a record", content)
	}
	return content, nil
}

// link is what a URI record holds (RFC 7553): priority, weight, and the address in quotes.
func link(content string) (string, error) {
	fields, err := numbered(content, 3, 65535, 65535)
	if err != nil {
		return "", err
	}
	return fields[0] + " " + fields[1] + ` "` + escaped(strings.Trim(fields[2], `"`), isVisible) + `"`, nil
}

// unnamed is a type that is known by its number only, and the bytes of such a record follow their number (RFC 3597).
var (
	unnamed  = regexp.MustCompile(`^TYPE[1-9][0-9]{2,4}$`)
	rawBytes = regexp.MustCompile(`^\\# ([0-9]{1,5})((?: [0-9A-Fa-f]+)*)$`)
)

func bytesOf(content string) (string, error) {
	m := rawBytes.FindStringSubmatch(content)
	if m == nil {
		return "", fmt.Errorf(`%q is not as \# 2 ABCD: how many bytes, and those in hex`, content)
	}
	if hex := strings.ReplaceAll(m[2], " ", ""); m[1] != strconv.Itoa(len(hex)/2) || len(hex)%2 != 0 {
		return "", fmt.Errorf("%q has not %s bytes, but %d hex digits", content, m[1], len(hex))
	}
	return content, nil
}

// rewriting is what a NAPTR record holds.
func rewriting(content string) (string, error) {
	fields, err := Tokens(content)
	if err != nil {
		return "", err
	}
	if len(fields) != 6 {
		return "", fmt.Errorf(`%q is not as 100 10 "u" "sip+E2U" "!^.*$!sip:info@example.org!" . (RFC 3403)`, content)
	}
	for _, number := range fields[:2] {
		if err := below(number, 65535); err != nil {
			return "", err
		}
	}
	if fields[5], err = ZoneName(fields[5]); err != nil {
		return "", err
	}
	for i := 2; i < 5; i++ { // flags, services and the expression are strings
		if !strings.Contains(fields[i], `"`) {
			fields[i] = `"` + fields[i] + `"`
		}
	}
	fields[4] = references(fields[4])
	return strings.Join(fields, " "), nil
}

// references doubles the backslash of \1 and such, which in a zone file would be a byte that lacks two digits.
func references(field string) string {
	return regexp.MustCompile(`\\(\d{3}|.)`).ReplaceAllStringFunc(field, func(escape string) string {
		if len(escape) == 2 && '0' <= escape[1] && escape[1] <= '9' {
			return `\` + escape
		}
		return escape
	})
}

// parameter is one of an SVCB record, as BIND 9.18 knows them.
var parameter = regexp.MustCompile(
	`^(no-default-alpn|(mandatory|alpn|port|ipv4hint|ech|ipv6hint|dohpath)=.+|key[0-9]{1,5}(=.*)?)$`,
)

// binding is what an HTTPS or SVCB record holds.
func binding(content string) (string, error) {
	fields, err := Tokens(content)
	if err != nil {
		return "", err
	}
	if len(fields) < 2 {
		return "", fmt.Errorf("%q is not as 1 . alpn=h2", content)
	}
	if err := below(fields[0], 65535); err != nil {
		return "", err
	}
	if fields[1], err = ZoneName(fields[1]); err != nil {
		return "", err
	}
	for _, p := range fields[2:] {
		if !parameter.MatchString(p) {
			return "", fmt.Errorf(
				"%q is no parameter that is known here, such as alpn=h2; of others the number is written, as key65333=VALUE", p,
			)
		}
	}
	return strings.Join(fields, " "), nil
}

// numbered splits a content at its blanks; the fields in front are numbers up to most.
func numbered(content string, n int, most ...uint64) ([]string, error) {
	fields := strings.SplitN(strings.Join(strings.Fields(content), " "), " ", n)
	if len(fields) != n {
		return nil, fmt.Errorf("%q has not %d fields", content, n)
	}
	for i, m := range most {
		if err := below(fields[i], m); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func below(number string, most uint64) error {
	if n, err := strconv.ParseUint(number, 10, 32); err != nil || n > most {
		return fmt.Errorf("%q is no number between 0 and %d", number, most)
	}
	return nil
}
