package hosting

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"github.com/miekg/dns"
	"golang.org/x/net/idna"
)

// Input is a record as somebody typed it.
type Input struct {
	Name, Type, Content string
	Priority, TTL       *int
}

// Parsed is a record as it will be kept, what was made of what was typed, and what may be a mistake.
type Parsed struct {
	Record
	Notes  []string
	Doubts []string // to be asked about
}

// types are those that the tables have.
func types() []string {
	return strings.Fields("A AAAA CAA CNAME DNAME DS HTTPS LOC MX NAPTR NS OPENPGPKEY PTR SMIMEA SRV SSHFP SVCB " +
		"TLSA TXT URI")
}

// ParseRecord reads a record of a zone. Errors are *[RefusedError].
func ParseRecord(zone Domain, in Input) (Parsed, error) {
	p := Parsed{Record: Record{Type: strings.ToUpper(in.Type), Priority: in.Priority, TTL: in.TTL}}
	if err := checkType(p.Type); err != nil {
		return p, err
	}
	name, err := p.owner(zone, in.Name)
	if err != nil {
		return p, err
	}
	if slices.Contains(hostTypes(), p.Type) && strings.ContainsAny(name, "_/") {
		return p, refuse("%q: the names of %s records have no underscore and no slash", in.Name, p.Type)
	}
	if p.Type == "NS" && strings.HasPrefix(name, "*") {
		return p, refuse("%q: only a zone with a name can be handed over to other servers, not all names (RFC 4592)", in.Name)
	}
	p.Name = name
	content := strings.TrimSpace(in.Content)
	switch {
	case content == "":
		return p, refuse("a %s record without content; give it as the last argument", p.Type)
	case p.Type != "TXT" && strings.ContainsFunc(content, unicode.IsControl):
		return p, refuse("the content of %s %s has the end of a line or another character that nobody sees in it",
			in.Name, p.Type)
	case in.TTL != nil && (*in.TTL < 0 || *in.TTL > 1<<31-1):
		return p, refuse("a TTL of %d seconds; it is between 0 and 2147483647", *in.TTL)
	case in.Priority != nil && (*in.Priority < 0 || *in.Priority > 1<<16-1):
		return p, refuse("a priority of %d; it is between 0 and 65535", *in.Priority)
	case in.Priority != nil && p.Type != "MX" && p.Type != "SRV":
		return p, refuse("%s records have no priority; only MX and SRV have", p.Type)
	}
	if p.Content, err = p.content(zone, content); err != nil {
		return p, err
	}
	return p, p.servable(zone)
}

func checkType(kind string) error {
	if kind == "SOA" {
		return refuse("the SOA record is the zone's own; see: mage dns:zone")
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(kind, "TYPE"), 10, 16)
	if slices.Contains(types(), kind) || strings.HasPrefix(kind, "TYPE") && err == nil && n > lastNamed {
		return nil
	}
	for _, known := range types() {
		if levenshtein.ComputeDistance(kind, known) == 1 && len(kind) > 1 {
			return refuse("%q is no type of record; did you mean %s?", kind, known)
		}
	}
	return refuse("%q is no type of record that can be kept; those are %s, and numbers such as TYPE65534",
		kind, join(types()))
}

// lastNamed is the last number of types that each have a name and a form, or are no records at all.
const lastNamed = 257

// hostTypes are those whose own names are hosts, without underscores: bind refuses a zone with others.
func hostTypes() []string { return []string{"A", "AAAA", "MX"} }

// owner is the name of a record relative to its zone.
func (p *Parsed) owner(zone Domain, typed string) (string, error) {
	name := strings.TrimSpace(typed)
	if name == "@" || name == "" {
		return "@", nil
	}
	if reverse := reverseName(zone, name); reverse != "" {
		if name = relativeTo(zone, reverse); name == "" {
			return "", refuse("%s is not in zone %s: the name of its records is %s", typed, zone, reverse)
		}
		p.Notes = append(p.Notes, typed+" is kept as "+name)
		return name, nil
	}
	lower := strings.ToLower(name)
	if full, found := strings.CutSuffix(lower, "."); found {
		ascii, err := recordName(full, typed)
		if err != nil {
			return "", err
		}
		relative := relativeTo(zone, ascii+".")
		if relative == "" {
			return "", refuse("%q is not in zone %s; write a name that is, such as www", typed, zone)
		}
		return relative, nil
	}
	ascii, err := recordName(lower, typed)
	if err != nil {
		return "", err
	}
	if len(ascii)+1+len(zone) > maxName {
		return "", refuse("%q is too long: with its zone it has more than %d characters", typed, maxName)
	}
	if short := relativeTo(zone, ascii+"."); short != "" {
		p.Doubts = append(p.Doubts,
			fmt.Sprintf("the name %s repeats the zone: as it is written it means %s.%s; write %s, or %s. with a dot at its end",
				name, ascii, string(zone), short, name))
	} else if ascii != name {
		p.Notes = append(p.Notes, fmt.Sprintf("name %s is kept as %s", name, ascii))
	}
	return ascii, nil
}

// label is a part of a name of records. Those of reverse zones may have a slash (RFC 2317).
var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?$`)

// reverseName is the name of an address that was typed as one, in a zone of such names; "" for everything else.
func reverseName(zone Domain, name string) string {
	address, err := netip.ParseAddr(name)
	if err != nil || address.Zone() != "" ||
		!strings.HasSuffix("."+string(zone), ".in-addr.arpa") && !strings.HasSuffix("."+string(zone), ".ip6.arpa") {
		return ""
	}
	reverse, _ := dns.ReverseAddr(address.String()) // every address has one
	return reverse
}

// recordName is a name in lower case and in its ASCII form; it may have underscores, and * for its first part.
func recordName(name, typed string) (string, error) {
	parts := strings.Split(strings.ToLower(name), ".")
	for i, part := range parts {
		if part == "" {
			return "", refuse("%q has a part that is empty; write one dot between its parts", typed)
		}
		if part == "*" && i == 0 || label.MatchString(part) {
			continue
		}
		ascii, err := idna.Lookup.ToASCII(part)
		switch {
		case len(part) > maxLabel || len(ascii) > maxLabel:
			return "", refuse("%q has a part of more than %d characters", typed, maxLabel)
		case strings.Contains(part, "*"):
			return "", refuse("%q: a * is the whole first part of a name, or is not in it", typed)
		case err != nil || !label.MatchString(ascii):
			return "", refuse("%q: the part %s has a character that no name may have, or a hyphen at an end", typed, part)
		}
		parts[i] = ascii
	}
	if ascii := strings.Join(parts, "."); len(ascii) <= maxName {
		return ascii, nil
	}
	return "", refuse("%q is too long: a name has at most %d characters", typed, maxName)
}

func (p *Parsed) content(zone Domain, content string) (string, error) {
	switch p.Type {
	case "A", "AAAA":
		return p.address(content)
	case "MX", "SRV", "CNAME", "DNAME", "NS", "PTR":
		return p.pointer(zone, content)
	case "TXT":
		return p.text(content)
	case "CAA":
		return p.authority(content)
	default:
		return p.fields(zone, content)
	}
}

func (p *Parsed) address(content string) (string, error) {
	address, err := netip.ParseAddr(strings.Trim(content, "[]"))
	switch {
	case err != nil || address.Zone() != "":
		return "", refuse("%q is no IP address; to point to a name take the type CNAME", content)
	case p.Type == "A" && !address.Is4():
		return "", refuse("%s is an IPv6 address; take the type AAAA", content)
	case p.Type == "AAAA" && !address.Is6():
		return "", refuse("%s is an IPv4 address; take the type A", content)
	}
	return address.String(), nil
}

// unquoted is a value without the quotes around it, which the tables do not keep.
func (p *Parsed) unquoted(content string) string {
	const shortest = 2
	if len(content) < shortest || !strings.HasPrefix(content, `"`) || !strings.HasSuffix(content, `"`) ||
		strings.Count(content, `"`) != shortest {
		return content
	}
	p.Notes = append(p.Notes, "the quotes around the value are left out: they are written into the zone by themselves")
	return content[1 : len(content)-1]
}

// authority is the content of a CAA record: flags, a word, and what it is for.
func (p *Parsed) authority(content string) (string, error) {
	m := regexp.MustCompile(`^(\d{1,3})\s+([A-Za-z0-9]+)\s+(\S.*)$`).FindStringSubmatch(content)
	if m == nil {
		return "", refuse("%q is no content of a CAA record; write it as: 0 issue letsencrypt.org", content)
	}
	return m[1] + " " + strings.ToLower(m[2]) + " " + p.unquoted(m[3]), nil
}
