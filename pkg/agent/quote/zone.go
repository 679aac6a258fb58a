package quote

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Lengths that the DNS sets, in bytes.
const (
	maxDomain = 253 // of a name as it is written, without the last dot
	maxLabel  = 63
	maxString = 255       // of a character string
	maxData   = 1<<16 - 1 // of all that a record holds
)

// ZoneRecord writes a row of a table of records as one line of a zone file: its columns id, name, ttl, type, priority
// and content. Each kind of record has its form, and what does not have it is refused. With most, a TTL is at most
// that.
func ZoneRecord(row any, most ...int) (string, error) {
	columns, ok := row.(map[string]any)
	if !ok {
		return "", fmt.Errorf("%s is no record", told(row))
	}
	line, err := zoneRecord(columns, most)
	if err != nil {
		return "", fmt.Errorf("record %v, %v %v: %w", columns["id"], columns["name"], columns["type"], err)
	}
	return line, nil
}

func zoneRecord(columns map[string]any, most []int) (string, error) {
	name, err := ZoneName(columns["name"])
	if err != nil {
		return "", err
	}
	content, ok := columns["content"].(string)
	if !ok || !utf8.ValidString(content) {
		return "", fmt.Errorf("%s is no text", told(columns["content"]))
	}
	kind, _ := columns["type"].(string)
	write, known := recordData()[kind]
	if unnamed.MatchString(kind) {
		write, known = bytesOf, true
	}
	if !known {
		return "", fmt.Errorf("%q is no type of record that is known here", kind)
	}
	data, err := write(content)
	if err != nil {
		return "", err
	}
	if columns["priority"] != nil {
		priority, err := Number(columns["priority"])
		if err != nil {
			return "", err
		}
		data = priority + " " + data
	}
	ttl := ""
	if columns["ttl"] != nil {
		if ttl, err = TTL(columns["ttl"], most...); err != nil {
			return "", err
		}
		ttl += " "
	}
	return fmt.Sprintf("%s %sIN %s %s ; row %s", name, ttl, kind, data, Comment(columns["id"])), nil
}

// recordData are the functions that write what records hold, without their priority, by type.
func recordData() map[string]func(string) (string, error) {
	name := func(content string) (string, error) { return ZoneName(content) }
	return map[string]func(string) (string, error){
		"A":     func(content string) (string, error) { return addressOf(content, netip.Addr.Is4) },
		"AAAA":  func(content string) (string, error) { return addressOf(content, netip.Addr.Is6) },
		"CNAME": name, "DNAME": name, "MX": name, "NS": name, "PTR": name,
		"SRV":        server,
		"TXT":        text,
		"CAA":        authority,
		"DS":         func(content string) (string, error) { return digest(content, 65535, 255, 255) },
		"TLSA":       func(content string) (string, error) { return digest(content, 255, 255, 255) },
		"SSHFP":      func(content string) (string, error) { return digest(content, 255, 255) },
		"SMIMEA":     func(content string) (string, error) { return digest(content, 255, 255, 255) },
		"LOC":        place,
		"OPENPGPKEY": func(content string) (string, error) { return matching(content, base64) },
		"URI":        link,
		"NAPTR":      rewriting,
		"HTTPS":      binding, "SVCB": binding,
	}
}

// ZoneName writes a value as the name of a zone file: one without a dot at its end is relative to the zone, and @ is
// the zone itself. What is no letter, digit, hyphen or underscore is escaped.
func ZoneName(value any) (string, error) {
	typed, ok := value.(string)
	if !ok {
		return "", fmt.Errorf("%s is no name", told(value))
	}
	if typed == "@" || typed == "." {
		return typed, nil
	}
	labels, err := labelsOf(typed)
	if err != nil {
		return "", err
	}
	absolute := len(labels) > 1 && labels[len(labels)-1] == ""
	if absolute {
		labels = labels[:len(labels)-1]
	}
	length := 0
	for i, label := range labels {
		if label == "" || len(label) > maxLabel {
			return "", fmt.Errorf("%q is no name: each of its parts has 1 to %d characters", typed, maxLabel)
		}
		length += len(label) + 1
		labels[i] = escaped(label, isPlain)
	}
	if length > maxDomain+1 {
		return "", fmt.Errorf("%q is no name: it has more than %d characters", typed, maxDomain)
	}
	name := strings.Join(labels, ".")
	if absolute {
		name += "."
	}
	return name, nil
}

// ZoneMailbox writes a mail address as the name that a SOA record has of it.
func ZoneMailbox(value any) (string, error) {
	address, ok := value.(string)
	at := strings.LastIndexByte(address, '@')
	if !ok || at < 1 {
		return "", fmt.Errorf("%s is no mail address", told(value))
	}
	domain, err := ZoneName(strings.TrimSuffix(address[at+1:], ".") + ".")
	if err != nil {
		return "", err
	}
	if at > maxLabel {
		return "", fmt.Errorf("%q is no mailbox of the DNS: there are more than %d characters before the @",
			address, maxLabel)
	}
	return escaped(address[:at], isPlain) + "." + domain, nil
}

// zone is the name of a zone: in reverse ones it may have slashes (RFC 2317).
var zone = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// Zone gives a value that is the name of a zone without the last dot, and needs no quotes or escapes.
func Zone(value any) (string, error) {
	name, ok := value.(string)
	if !ok || len(name) > maxDomain || !zone.MatchString(name) {
		return "", fmt.Errorf("%s is no name of a zone", told(value))
	}
	return name, nil
}

// ZoneFile is the name of a file for the zone of a name.
func ZoneFile(value any) (string, error) {
	name, err := Zone(value)
	return strings.ReplaceAll(name, "/", "%"), err
}

// Addresses gives a value that is an IP address, or a list of them.
func Addresses(value any) ([]string, error) {
	var out []string
	for _, v := range listed(value) {
		typed, _ := v.(string)
		address, err := netip.ParseAddr(typed)
		if err != nil || address.Zone() != "" {
			return nil, fmt.Errorf("%s is no IP address", told(v))
		}
		out = append(out, address.Unmap().String())
	}
	return out, nil
}

// decimals of an escape such as \065.
var decimals = regexp.MustCompile(`^[0-9]{3}`)

// Unescape takes the escapes out of what stands in quotes in a zone file.
func Unescape(text string) (string, error) {
	labels, err := labelsOf(text)
	return strings.Join(labels, "."), err
}

// labelsOf splits a name at its dots, and takes escapes out.
func labelsOf(name string) ([]string, error) {
	labels := []string{""}
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '.':
			labels = append(labels, "")
			continue
		case c == '\\' && decimals.MatchString(name[i+1:]):
			n, err := strconv.ParseUint(name[i+1:i+4], 10, 8)
			if err != nil {
				return nil, fmt.Errorf("%q is no name: \\%s is no byte", name, name[i+1:i+4])
			}
			c, i = byte(n), i+3
		case c == '\\' && i+1 < len(name):
			i++
			c = name[i]
		case c == '\\':
			return nil, fmt.Errorf("%q is no name: it ends with a backslash", name)
		}
		labels[len(labels)-1] += string([]byte{c})
	}
	return labels, nil
}

// escaped writes each byte that is not accepted as \DDD.
func escaped(s string, accepted func(byte) bool) string {
	var out strings.Builder
	for i := range len(s) {
		if accepted(s[i]) {
			out.WriteByte(s[i])
		} else {
			fmt.Fprintf(&out, `\%03d`, s[i])
		}
	}
	return out.String()
}

func isPlain(c byte) bool {
	return c == '-' || c == '_' || c == '*' || c == '/' || c == '+' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' ||
		'A' <= c && c <= 'Z'
}

func isVisible(c byte) bool { return ' ' <= c && c <= '~' && c != '"' && c != '\\' }
