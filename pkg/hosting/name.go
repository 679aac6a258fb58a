package hosting

import (
	"net/netip"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// The longest names of DNS (RFC 1035, 2.3.4).
const (
	maxName  = 253
	maxLabel = 63
)

// Domain is a name as the tables keep it: in lower case, in its ASCII form, without the last dot.
type Domain string

// ParseDomain reads the name of a domain as people write it. Errors are *[RefusedError].
func ParseDomain(text string) (Domain, error) {
	name := strings.TrimSuffix(strings.TrimSpace(text), ".")
	switch {
	case name == "":
		return "", refuse("there is no name of a domain; write one such as example.org")
	case strings.Contains(name, "://"):
		return "", refuse("%q is a web address; write only its domain, such as example.org", text)
	case strings.Contains(name, "@"):
		return "", refuse("%q is a mail address; write only its domain, what stands behind the @", text)
	case strings.Contains(name, "*"):
		return "", refuse("%q has a *, which is no domain of its own; a record or a certificate can have one", text)
	case strings.ContainsFunc(name, unicode.IsSpace):
		return "", refuse("%q has a space in it; a domain has none", text)
	}
	if isAddress(name) {
		return "", refuse("%q is an address; a domain is a name, such as example.org", text)
	}
	if _, err := netip.ParsePrefix(name); err == nil {
		return "", refuse("%q is a network; its names are in a reverse zone, such as 2.0.192.in-addr.arpa for 192.0.2.0/24",
			text)
	}
	ascii, err := asciiName(name, text)
	if err != nil {
		return "", err
	}
	if !strings.Contains(ascii, ".") {
		return "", refuse("%q has only one part; write the whole name, such as %s.example.org", text, ascii)
	}
	if last := ascii[strings.LastIndexByte(ascii, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return "", refuse("%q ends in a number, as no domain does", text)
	}
	return Domain(ascii), nil
}

// asciiName is name in lower case and in its ASCII form. Asked is what people typed.
func asciiName(name, asked string) (string, error) {
	if strings.Contains(name, "..") || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") {
		return "", refuse("%q has a part that is empty; write one dot between its parts", asked)
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return "", refuse("%q is no name that DNS knows: %s", asked, badLabel(name))
	}
	if len(ascii) > maxName {
		return "", refuse("%q is too long: %d characters, and a name has at most %d", asked, len(ascii), maxName)
	}
	for label := range strings.SplitSeq(ascii, ".") {
		switch {
		case label == "": // also of what the standard maps to a dot, or to nothing
			return "", refuse("%q has a part that is empty; write one dot between its parts", asked)
		case len(label) > maxLabel:
			return "", refuse("%q has a part of %d characters, and one has at most %d: %s", asked, len(label), maxLabel, label)
		}
	}
	return ascii, nil
}

// badLabel tells which part of a name is wrong, and how.
func badLabel(name string) string {
	for label := range strings.SplitSeq(name, ".") {
		if _, err := idna.Lookup.ToASCII(label); err == nil {
			continue
		}
		switch {
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "its part " + label + " begins or ends with a hyphen"
		case strings.Contains(label, "_"):
			return "its part " + label + " has an underscore, which only records such as _dmarc have"
		case len(label) > 3 && label[2:4] == "--":
			return "its part " + label +
				" has hyphens in the third and fourth place, as only the ASCII form of a name has, and is none"
		}
		return "its part " + label + " has a character that no name may have; letters, digits and hyphens may be in it"
	}
	return "letters, digits and hyphens may be in it, with a dot between its parts"
}

// isAddress tells whether text is an IP address, also one in brackets.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return err == nil
}

// Unicode is the name with the letters that people read.
func (d Domain) Unicode() string {
	if text, err := idna.Display.ToUnicode(string(d)); err == nil {
		return text
	}
	return string(d)
}

// Kept says how a name is kept that was typed in another way; "" if it was typed like this.
func (d Domain) Kept(typed string) string {
	if string(d) == typed {
		return ""
	}
	return typed + " is kept as " + string(d)
}

// String is the name, and what people read in it where that differs.
func (d Domain) String() string {
	if text := d.Unicode(); text != string(d) {
		return string(d) + " (" + text + ")"
	}
	return string(d)
}
