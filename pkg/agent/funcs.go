package agent

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/poststack/poststack/pkg/agent/declaration"
	"github.com/poststack/poststack/pkg/agent/quote"
	"github.com/poststack/poststack/pkg/agent/render"
	"github.com/poststack/poststack/pkg/agent/rows"
)

// outputs parses the templates of a declaration. What they call is in [functions].
func outputs(d declaration.Declaration, funcs template.FuncMap) ([]render.Output, error) {
	parse := func(name, text string) (*template.Template, error) {
		return template.New(name).Option("missingkey=error").Funcs(funcs).Parse(text)
	}
	var out []render.Output
	for _, o := range d.Outputs {
		text, err := os.ReadFile(filepath.Join(d.Dir, o.Template))
		if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		r := render.Output{Name: o.Template, Each: o.Each}
		if r.Body, err = parse(o.Template, string(text)); err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
		if o.Path != "" {
			if r.Path, err = parse("path of "+o.Template, o.Path); err != nil {
				return nil, fmt.Errorf("read template: %w", err)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// functions are what templates can call. daemon is its version; pair gives the directory of the certificate for a name;
// reach notes the address of a server that the daemon will ask.
func functions(daemon version, getenv, pair, reach func(string) string) template.FuncMap {
	hasIPv6 := exists("/proc/net/if_inet6")
	return template.FuncMap{
		"nginx": quote.Nginx, "comment": quote.Comment, "host": quote.Host, "number": quote.Number, "flag": quote.Flag,
		"origin": quote.Origin, "words": quote.Words, "values": quote.Values,
		"apache": quote.Apache, "apacheRoot": quote.ApacheRoot, "apachePaths": quote.ApachePaths,
		"apacheMembers": quote.ApacheMembers, "parents": quote.Parents,
		"zone": quote.Zone, "zonefile": quote.ZoneFile, "zonename": quote.ZoneName, "zonemailbox": quote.ZoneMailbox,
		"zonerecord": quote.ZoneRecord, "ttl": quote.TTL, "addresses": quote.Addresses, "endpoints": quote.Endpoints,
		"port": quote.Port, "size": quote.Size,
		"below":       func(value any, roots ...string) (string, error) { return quote.Below(value, roots...) },
		"setting":     setting,
		"known":       known,
		"since":       daemon.since,
		"pair":        pair,
		"reach":       reach,
		"environment": getenv,
		"nameserver":  func() string { return nameserver("/etc/resolv.conf") },
		"dict":        dict,
		"ipv6":        func() bool { return hasIPv6 },
		"match":       func(pattern, text string) (bool, error) { return regexp.MatchString(pattern, text) },
	}
}

// dict is a map of what are its keys and values in turn, for a template that another one calls.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no key", pairs[i])
		}
		out[key] = pairs[i+1]
	}
	return out, nil
}

// setting looks up a setting among the rows of the table: for a name if its value is an object, whose key "*" stands
// for all other names. Without one it is nil.
func setting(settings []any, key, name string) any {
	for _, s := range settings {
		row, _ := s.(map[string]any)
		if row["key"] != key {
			continue
		}
		object, isObject := row["value"].(map[string]any)
		if !isObject {
			return row["value"]
		}
		if value, ok := object[name]; ok {
			return value
		}
		return object["*"]
	}
	return nil
}

// known tells whether a setting is one of these.
func known(row map[string]any, keys ...string) (bool, error) {
	service, _ := row["service"].(string)
	return rows.KnownSetting(service, fmt.Sprint(row["key"]), keys...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// nameserver is the one that the container asks, IPv6 in brackets; "" if there is none. The C library asks the next
// ones of the list only when it is silent (resolv.conf(5)), and in a container only the first knows the others of its
// network: podman lists the machine's own behind it. A daemon that takes turns among them would be told half the time
// that nobody has the name.
func nameserver(path string) string {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != "nameserver" || net.ParseIP(fields[1]) == nil {
			continue
		}
		if strings.Contains(fields[1], ":") {
			return "[" + fields[1] + "]"
		}
		return fields[1]
	}
	return ""
}
