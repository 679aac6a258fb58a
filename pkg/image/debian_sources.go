package image

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// suiteParts are what Debian publishes of a suite, by what stands behind its name in a sources line. The
// second form of the security suite is that of Debian 10 and older.
func suiteParts() []string { return []string{"", "-updates", "-security", "/updates"} }

// pickDebian leaves those of all that are Debian's own archive. Others use Debian's suite names too, and are
// told apart by their keys and addresses: entries that are surely Debian's count, and those that look like a
// mirror of it only where the main archive would be missing without them. Neither lets in what anyone but
// Debian has signed: the bootstrap checks them against Debian's keys alone.
func pickDebian(all []aptSource) []aptSource {
	var sure, either []aptSource
	main := false
	for _, s := range all {
		s.components = slices.DeleteFunc(slices.Clone(s.components), func(c string) bool {
			return !slices.Contains([]string{"main", "contrib", "non-free", "non-free-firmware"}, c)
		})
		u, err := url.Parse(s.uri)
		if err != nil || len(s.components) == 0 || !slices.Contains([]string{"http", "https"}, u.Scheme) {
			continue
		}
		archive := slices.Contains([]string{"debian", "debian-security"}, path.Base(u.Path))
		official := u.Hostname() == "debian.org" || strings.HasSuffix(u.Hostname(), ".debian.org")
		switch {
		case strings.HasPrefix(path.Base(s.signedBy), "debian-archive"), official && archive:
			sure, either = append(sure, s), append(either, s)
			_, part, _ := splitSuite(s.suite)
			main = main || part == ""
		case s.signedBy == "" && archive:
			either = append(either, s)
		}
	}
	if main {
		return sure
	}
	return either
}

// splitSuite cuts "bookworm-security" into "bookworm" and "-security"; ok is false for a part that is not
// among [suiteParts], such as backports.
func splitSuite(s string) (base, part string, ok bool) {
	i := strings.IndexAny(s, "-/")
	if i < 0 {
		return s, "", true
	}
	return s[:i], s[i:], slices.Contains(suiteParts(), s[i:])
}

// sourceLines writes the picked entries for suite, those of another suite with its name replaced. Entries of
// suite itself, when there are any, are the only ones.
func sourceLines(picked []aptSource, suite Suite) []string {
	has := slices.ContainsFunc(picked, func(s aptSource) bool {
		base, _, ok := splitSuite(s.suite)
		return ok && base == string(suite)
	})
	var out []string
	for _, s := range picked {
		base, part, ok := splitSuite(s.suite)
		if !ok || (has && base != string(suite)) {
			continue
		}
		if part == "/updates" {
			part = "-security"
		}
		line := "deb [signed-by=" + debianKeyring + "] " + s.uri + " " + string(suite) + part + " " +
			strings.Join(s.components, " ")
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}
