package quote

import (
	"fmt"
	"regexp"
	"strings"
)

// Apache writes a value as one argument in double quotes. Apache has no escape for a dollar sign before a brace: the
// files must have `Define dollar $`.
func Apache(value any) (string, error) { return quoted(value, "${", "${dollar}{") }

// ApacheRoot writes a path as an argument of VirtualDocumentRoot, which reads more into a percent sign.
func ApacheRoot(value any) (string, error) { return quoted(value, "${", "${dollar}{", "%", "%%") }

// apachePath is a path of an address without anything that a pattern could take for its own.
var apachePath = regexp.MustCompile(`^(/[\pL\pN_~-][\pL\pN._~-]*)*/?$`)

// ApachePaths gives a value that is a list of paths such as /private, or one. Each stands for all that is below.
func ApachePaths(value any) ([]string, error) {
	list, err := texts(value)
	if err != nil {
		return nil, err
	}
	for i, path := range list {
		if !strings.HasPrefix(path, "/") || !apachePath.MatchString(path) {
			return nil, fmt.Errorf("%q is no path such as /private", path)
		}
		if path != "/" {
			list[i] = strings.TrimSuffix(path, "/")
		}
	}
	return list, nil
}

// ApacheMembers gives a value that is a list of domains and addresses as a regular expression of Apache's: it matches
// the addresses, and all of those domains. Whatever is no letter and no digit is in it by its number.
func ApacheMembers(value any) (string, error) {
	list, err := texts(value)
	if err != nil {
		return "", err
	}
	var all []string
	for _, member := range list {
		local, domain, isAddress := strings.Cut(strings.ToLower(member), "@")
		if !isAddress {
			local, domain = "", local
		}
		if _, err := Host(domain); err != nil || isAddress && !localPart.MatchString(local) {
			return "", fmt.Errorf("%q is neither a domain nor an address", member)
		}
		before := byNumber(local)
		if !isAddress {
			before = "[^@]+"
		}
		all = append(all, before+"@"+byNumber(domain))
	}
	return "m#^(?:" + strings.Join(all, "|") + ")$#i", nil
}

// localPart is what stands before the @ of an address, as the tables have it.
var localPart = regexp.MustCompile("^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}$")

// byNumber writes text of ASCII for a regular expression.
func byNumber(text string) string {
	var out strings.Builder
	for _, c := range []byte(text) {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, `\x%02x`, c)
		}
	}
	return out.String()
}

// texts gives a value that is a list of texts, or one text, and has at least one.
func texts(value any) ([]string, error) {
	var list []string
	switch v := value.(type) {
	case string:
		list = []string{v}
	case []string:
		list = append(list, v...)
	case []any:
		for _, one := range v {
			text, err := plain(one)
			if err != nil {
				return nil, err
			}
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is no list of texts", told(value))
	}
	return list, nil
}

// Parents gives the name of a host and the domains that it is below, but for the last one.
func Parents(value any) ([]string, error) {
	name, err := Host(value)
	if err != nil {
		return nil, err
	}
	list := []string{name}
	for {
		_, parent, found := strings.Cut(name, ".")
		if !found || !strings.Contains(parent, ".") {
			return list, nil
		}
		list, name = append(list, parent), parent
	}
}
