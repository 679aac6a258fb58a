package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/poststack/poststack/pkg/runner"
)

// debianKeyring is where debian-archive-keyring keeps the keys of all suites, on the host and in the image.
const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// host is the machine whose package sources are used; root is "/" but in tests.
type host struct{ root string }

// aptSource is one entry of apt's sources, of either format, with one URI and one suite.
type aptSource struct {
	uri        string
	suite      string
	components []string
	signedBy   string
}

// sources gives the lines of a sources.list with Debian's main archive, updates and security for suite, as
// this machine gets them. Sources of others are left out. When the machine only has another suite, the same
// mirrors are asked for the wanted one.
func (h host) sources(suite Suite) ([]string, error) {
	if !h.has(debianKeyring) {
		return nil, errors.New("debian's keys are not on this machine (package debian-archive-keyring)")
	}
	all, err := h.readSources()
	if err != nil {
		return nil, err
	}
	picked := pickDebian(all)
	if len(picked) == 0 {
		return nil, errors.New("this machine has no package sources of Debian (/etc/apt/sources.list, " +
			"/etc/apt/sources.list.d)")
	}
	for _, s := range picked {
		if u, err := url.Parse(s.uri); err == nil && u.User != nil {
			return nil, fmt.Errorf("the package source %q has a password, which all who get the image could read: give the "+
				"engine an image of Debian, or this machine a mirror or a proxy without one", u.Redacted())
		}
	}
	return sourceLines(picked, suite), nil
}

func (h host) path(p string) string { return filepath.Join(h.root, p) }

// has tells whether the machine has a file or directory.
func (h host) has(p string) bool {
	_, err := os.Stat(h.path(p))
	return err == nil
}

// readSources reads sources.list and sources.list.d in apt's order.
func (h host) readSources() ([]aptSource, error) {
	var out []aptSource
	files := []string{h.path("/etc/apt/sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		more, err := filepath.Glob(filepath.Join(h.path("/etc/apt/sources.list.d"), pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Clean(file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read package sources: %w", err)
		}
		if strings.HasSuffix(file, ".sources") {
			out = append(out, parseDeb822(string(data))...)
		} else {
			out = append(out, parseOneLine(string(data))...)
		}
	}
	return out, nil
}

// parseOneLine reads "deb [options] URI suite component…" lines.
func parseOneLine(text string) []aptSource {
	var out []aptSource
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(strings.ReplaceAll(line, "\t", " "), "#")
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "deb" {
			continue
		}
		var s aptSource
		rest = strings.TrimSpace(rest)
		if options, after, ok := strings.Cut(strings.TrimPrefix(rest, "["), "]"); ok && strings.HasPrefix(rest, "[") {
			rest = after
			for _, o := range strings.Fields(options) {
				if value, ok := strings.CutPrefix(o, "signed-by="); ok {
					s.signedBy = value
				}
			}
		}
		if fields := strings.Fields(rest); len(fields) >= 3 {
			s.uri, s.suite, s.components = fields[0], fields[1], fields[2:]
			out = append(out, s)
		}
	}
	return out
}

// parseDeb822 reads paragraphs of "Field: value", in which a line that begins with a space goes on.
func parseDeb822(text string) []aptSource {
	var out []aptSource
	fields, last := map[string]string{}, ""
	flush := func() {
		if slices.Contains(strings.Fields(fields["types"]), "deb") &&
			!strings.EqualFold(strings.TrimSpace(fields["enabled"]), "no") {
			for _, uri := range strings.Fields(fields["uris"]) {
				for _, suite := range strings.Fields(fields["suites"]) {
					out = append(out, aptSource{
						uri: uri, suite: suite, components: strings.Fields(fields["components"]),
						signedBy: strings.TrimSpace(fields["signed-by"]),
					})
				}
			}
		}
		fields, last = map[string]string{}, ""
	}
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += "\n" + strings.TrimSpace(line)
		default:
			name, value, _ := strings.Cut(line, ":")
			last = strings.ToLower(strings.TrimSpace(name))
			fields[last] = strings.TrimSpace(value)
		}
	}
	flush()
	return out
}

// aptOptions gives the settings of this machine's apt that decide whether its package sources can be read:
// those that only serve the way there (proxies, certificates), and those about the sources themselves, which
// apt in the image needs too. A machine without apt-config has none.
func (d debian) aptOptions(ctx context.Context) (kept, passing []string) {
	res, err := d.runner.Run(ctx,
		runner.Command{Program: "apt-config", Args: []string{"dump"}, Env: []string{"LC_ALL=C.UTF-8"}})
	if err != nil {
		return nil, nil
	}
	for _, line := range strings.Split(res.Stdout, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		lower := strings.ToLower(name)
		switch {
		case value == `"";` || value == "":
		case slices.Contains([]string{"acquire::check-valid-until", "acquire::check-date"}, lower):
			kept = append(kept, name+" "+value)
		case strings.HasPrefix(lower, "acquire::http::"), strings.HasPrefix(lower, "acquire::https::"),
			strings.HasPrefix(lower, "acquire::forceipv"), lower == "acquire::retries":
			passing = append(passing, name+" "+value)
		}
	}
	return kept, append(passing, kept...)
}

// proxyEnvironment takes the proxies out of apt's settings if there is a password among them, and gives them as the
// variables that apt reads where there is no setting (apt-transport-http(1)). mmdebstrap copies settings to where
// everybody may read them: into the root directory that it makes. A setting for one host has no such variable.
func proxyEnvironment(settings []string) (open, env []string, err error) {
	withPassword := regexp.MustCompile(`://[^/\s"]*@`)
	if !slices.ContainsFunc(settings, withPassword.MatchString) {
		return settings, nil, nil
	}
	proxies := map[string]string{}
	for _, line := range settings {
		name, value, _ := strings.Cut(line, " ")
		switch lower := strings.ToLower(name); {
		case lower == "acquire::http::proxy", lower == "acquire::https::proxy":
			proxies[lower] = strings.Trim(value, `";`)
		case withPassword.MatchString(value):
			return nil, nil, fmt.Errorf("apt's setting %s has a password, which everybody on this machine could read during "+
				"the bootstrap: set Acquire::http::Proxy instead", name)
		default:
			open = append(open, line)
		}
	}
	http := proxies["acquire::http::proxy"]
	return open, []string{"http_proxy=" + http, "https_proxy=" + cmp.Or(proxies["acquire::https::proxy"], http)}, nil
}
