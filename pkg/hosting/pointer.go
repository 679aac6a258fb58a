package hosting

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// usualPriority is what MX records have that have the only one.
const usualPriority = 10

// pointer is the content of a record that points to a name, without its priority.
func (p *Parsed) pointer(zone Domain, content string) (string, error) {
	fields := strings.Fields(content)
	if p.Type == "CNAME" && p.Name == "@" {
		return "", refuse("the zone's own name can be no CNAME, since it has NS and SOA records; add A and AAAA records")
	}
	if err := p.takePriority(&fields); err != nil {
		return "", err
	}
	before := ""
	if p.Type == "SRV" {
		before, fields = fields[0]+" "+fields[1]+" ", fields[2:]
	}
	target, err := p.targetName(zone, fields[0])
	return before + target, err
}

// takePriority takes the number in front of the content as the priority, where one belongs and is not given.
func (p *Parsed) takePriority(fields *[]string) error {
	count := map[string]int{"MX": 1, "SRV": 3}[p.Type]
	if count == 0 {
		if len(*fields) != 1 {
			return refuse("%q: a %s record points to one name", strings.Join(*fields, " "), p.Type)
		}
		return nil
	}
	if len(*fields) == count+1 {
		n, err := strconv.Atoi((*fields)[0])
		if err != nil || n < 0 || n > 1<<16-1 {
			return refuse("%q: the priority in front is a number between 0 and 65535", strings.Join(*fields, " "))
		}
		if p.Priority != nil && *p.Priority != n {
			return refuse("%q has the priority %d, and -priority says %d; give it once",
				strings.Join(*fields, " "), n, *p.Priority)
		}
		p.Priority, *fields = &n, (*fields)[1:]
	}
	if len(*fields) != count {
		example := map[string]string{
			"MX": "10 mail.example.org", "SRV": "0 1 993 mail.example.org (priority, weight, port, name)",
		}[p.Type]
		return refuse("%q is no content of an %s record; write it as: %s", strings.Join(*fields, " "), p.Type, example)
	}
	if p.Priority == nil {
		n := 0
		if p.Type == "MX" && (*fields)[0] != "." {
			n = usualPriority
		}
		p.Priority = &n
		p.Notes = append(p.Notes, fmt.Sprintf("no priority is given: it is %d", n))
	}
	return nil
}

// topLevel finds names that end as whole names do. One that ends in a number, or in a part with an underscore or a
// slash, such as 1.0/25 (RFC 2317) or new._domainkey, can only be a name of the zone.
var topLevel = regexp.MustCompile(`\.[a-z][a-z0-9-]*$`)

// targetName is a name that a record points to: one part is a name of the zone, several are a whole name if they end as
// one, which has a dot at its end in the tables.
func (p *Parsed) targetName(zone Domain, typed string) (string, error) {
	switch {
	case typed == "." && p.Type != "CNAME" && p.Type != "NS" && p.Type != "PTR": // there is no such service, or it is here
		return typed, nil
	case typed == "@":
		return string(zone) + ".", nil
	case isAddress(typed) || isAddress(strings.TrimSuffix(typed, ".")):
		return "", refuse("%s is an address, and %s records point to a name; give the address to a name, such as %s.%s, "+
			"with: mage dns:add %s %s A %s",
			typed, p.Type, hostOf(p.Type), string(zone), string(zone), hostOf(p.Type), typed)
	case strings.Contains(typed, "*"):
		return "", refuse("%q: a record points to one name, without *", typed)
	}
	name, dotted := strings.CutSuffix(typed, ".")
	ascii, err := recordName(name, typed)
	if err != nil {
		return "", err
	}
	if pointsToHost(p.Type) && strings.ContainsAny(ascii, "_/") {
		return "", refuse("%q: %s records point to a host, whose name has no underscore and no slash", typed, p.Type)
	}
	switch {
	case dotted:
		return ascii + ".", nil
	case topLevel.MatchString(ascii):
		p.Notes = append(p.Notes, fmt.Sprintf("%s is kept as %s. with a dot at its end; without it, it would mean %s.%s",
			typed, ascii, ascii, string(zone)))
		return ascii + ".", nil
	default:
		p.Notes = append(p.Notes, fmt.Sprintf("%s means %s.%s", typed, ascii, string(zone)))
		return ascii, nil
	}
}

// hostOf is what people call the host that records of a type point to.
func hostOf(kind string) string {
	return cmp.Or(map[string]string{"MX": "mail", "SRV": "mail", "NS": "ns1"}[kind], "www")
}
