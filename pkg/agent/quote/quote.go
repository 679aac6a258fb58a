// Package quote puts values into files of others: each syntax has a function, which gives a text that the syntax reads
// as that one value, or an error. So no value can end where it stands and begin something else.
package quote

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Nginx writes a value as one parameter in double quotes. nginx has no escape for a dollar sign: the file that it goes
// into must have `geo $dollar { default "$"; }`.
func Nginx(value any) (string, error) { return quoted(value, "$", "${dollar}") }

// quoted writes a value in double quotes, in which a backslash takes the next character as it is; others are replaced.
func quoted(value any, others ...string) (string, error) {
	text, err := plain(value)
	if err != nil {
		return "", err
	}
	return `"` + strings.NewReplacer(append(others, `\`, `\\`, `"`, `\"`)...).Replace(text) + `"`, nil
}

// Comment writes a value into a comment that lasts until the end of the line: what is not a visible character becomes
// a question mark.
func Comment(value any) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, fmt.Sprint(value))
}

// plain is value as text, which has neither control characters nor broken UTF-8.
func plain(value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		if number, isNumber := value.(json.Number); isNumber {
			return number.String(), nil
		}
		return "", fmt.Errorf("%s is no text", told(value))
	}
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("%q is not UTF-8", text)
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return "", fmt.Errorf("%q has a control character", text)
		}
	}
	return text, nil
}

// told is a value for an error: as JSON, cut where it is long.
func told(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%v", value)
	}
	if len(text) > 200 {
		return string(text[:200]) + "…"
	}
	return string(text)
}

// hostName is a name of the DNS without the last dot, in lower case.
var hostName = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$`)

// Host gives a value that is the name of a host, and so needs no quotes anywhere.
func Host(value any) (string, error) {
	text, ok := value.(string)
	if !ok || len(text) > 253 || !hostName.MatchString(text) {
		return "", fmt.Errorf("%s is no host name", told(value))
	}
	return text, nil
}

// Number gives a value that is a whole number and not negative.
func Number(value any) (string, error) { return whole(value, math.MaxUint32) }

// Size gives a value that is a number of bytes.
func Size(value any) (string, error) { return whole(value, maxSize) }

// maxSize is more than anybody has, and can still be counted by what reads it.
const maxSize = 1e18

func whole(value any, most uint64) (string, error) {
	n, err := strconv.ParseUint(fmt.Sprint(value), 10, 64)
	if _, isText := value.(string); isText || err != nil || n > most {
		return "", fmt.Errorf("%s is no number of that kind", told(value))
	}
	return strconv.FormatUint(n, 10), nil
}

// Port gives a value that is the number of a port.
func Port(value any) (string, error) {
	text, err := Number(value)
	if n, tooBig := strconv.ParseUint(text, 10, 16); err != nil || tooBig != nil || n == 0 {
		return "", fmt.Errorf("%s is no port", told(value))
	}
	return text, nil
}

// Flag gives a value that is true or false.
func Flag(value any) (bool, error) {
	b, ok := value.(bool)
	if !ok {
		return false, fmt.Errorf("%s is neither true nor false", told(value))
	}
	return b, nil
}

// Origin gives a value that is the address of a web server without a path, such as http://apache:8080.
func Origin(value any) (string, error) {
	text, err := plain(value)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s is not as http://host:port", told(value))
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil {
		if host, err = Host(strings.ToLower(host)); err != nil {
			return "", fmt.Errorf("%s is not as http://host:port: %w", told(value), err)
		}
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("%s has no port from 1 to 65535", told(value))
		}
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

// Below gives a value that is a path below one of roots, without detours.
func Below(value any, roots ...string) (string, error) {
	text, err := plain(value)
	if err != nil {
		return "", err
	}
	clean := path.Clean(text)
	for _, root := range roots {
		if strings.HasPrefix(clean, root+"/") && !strings.Contains("/"+text+"/", "/../") {
			return clean, nil
		}
	}
	return "", fmt.Errorf("%q is not below %s", text, strings.Join(roots, " or "))
}

// Values gives what a setting holds: the values of an object, which has one for each name, or the one value itself.
// Names are as the tables have them: one that is written in another way, or as the address of a page, would have no
// effect.
func Values(value any) ([]any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return []any{value}, nil
	}
	out := make([]any, 0, len(object))
	for name, v := range object {
		if name != "*" && !settingName.MatchString(name) {
			return nil, fmt.Errorf("%q is neither a name, in lower case, nor * for all others%s", name, inASCII(name))
		}
		out = append(out, v)
	}
	return out, nil
}

// settingName is the name of a domain or a zone, which has a slash where it is for a part of a network (RFC 2317).
var settingName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_./-]*[a-z0-9])?$`)

// inASCII says how to write a name that has other letters.
func inASCII(name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	return "; one of other letters is written as mage domain:list shows it (xn--)"
}

// word is a name of a file without anything that a syntax could take for its own.
var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Words gives a value that is a list of file names, or several in one text, separated by blanks.
func Words(value any) (string, error) {
	var list []string
	switch v := value.(type) {
	case string:
		list = strings.Fields(v)
	case []any:
		for _, w := range v {
			list = append(list, fmt.Sprint(w))
		}
	}
	for _, w := range list {
		if !word.MatchString(w) {
			return "", fmt.Errorf("%s has %q, which is no plain file name", told(value), w)
		}
	}
	if len(list) == 0 {
		return "", fmt.Errorf("%s is no list of file names", told(value))
	}
	return strings.Join(list, " "), nil
}
