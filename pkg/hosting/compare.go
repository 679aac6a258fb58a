package hosting

import "strings"

// answeredBy tells whether a record is what somebody reads who asks for the need. A CNAME leads to another name, which
// has it or not. Of CAA records only those with issue say who may issue certificates of a name (RFC 8659, 4.2).
func (n *Need) answeredBy(r Record) bool {
	switch {
	case r.Type == "CNAME", n.Content == "" && n.Type == "A" && r.Type == "AAAA":
		return true
	case r.Type != n.Type:
		return false
	case r.Type == "CAA":
		_, issues := issuer(r.Content)
		return issues
	}
	return policy(r.Type, r.Content) == policy(n.Type, n.Content)
}

// issuer is the authority that a CAA record lets issue certificates; "" if it lets none.
func issuer(content string) (authority string, issues bool) {
	fields := strings.SplitN(content, " ", 3)
	if len(fields) < 3 || !strings.EqualFold(fields[1], "issue") {
		return "", false
	}
	authority, _, _ = strings.Cut(strings.Trim(fields[2], `"`), ";")
	return strings.ToLower(strings.TrimSpace(authority)), true
}

// compare looks for the need in the records of its zone.
func (n *Need) compare(zone Domain, there []RecordRow) {
	n.State, n.Have = Missing, nil
	exact := false
	source := n.source(there)
	for _, r := range there {
		if !r.Enabled || r.Name != source || !n.answeredBy(r.Record) {
			continue
		}
		n.Have = append(n.Have, r.Content)
		authority, _ := issuer(r.Content)
		exact = exact || absoluteContent(zone, r.Record) == n.Content || r.Type == "CNAME" ||
			n.Type == "TLSA" && fits(r.Content, n.chain) || n.Type == "CAA" && authority == Authority
	}
	switch {
	case len(n.Have) == 0 && n.Content == "":
		n.State = Unknown
	case len(n.Have) == 0:
	// whoever wrote another one has a reason
	case exact, n.Content == "", n.Type == "MX", n.Type == "TXT", n.Type == "NS":
		n.State = Present
	case n.Type == "CAA", n.Type == "A", n.Type == "AAAA", n.Type == "TLSA":
		n.State = Differs
	}
}

// absoluteContent is the content with the name that it points to in full.
func absoluteContent(zone Domain, r Record) string {
	switch r.Type {
	case "MX", "NS", "CNAME", "PTR":
		return absolute(zone, r.Content) + "."
	}
	return r.Content
}
