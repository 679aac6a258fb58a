package image

import (
	"slices"
	"strings"
)

// slimOptions are dpkg's options of the official slim images: no documentation but the copyright files, no
// manuals, no translations, and no waiting for the disk. dpkg keeps to them in every image on top.
func slimOptions() []string {
	return []string{
		"path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright",
		"path-exclude=/usr/share/groff/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/linda/*",
		"path-exclude=/usr/share/lintian/*", "path-exclude=/usr/share/man/*",
		"path-exclude=/usr/share/locale/*", "path-include=/usr/share/locale/locale.alias",
		"force-unsafe-io",
	}
}

// slimHooks have dpkg in the image keep to [slimOptions], and remove what mmdebstrap itself has unpacked against
// them. Where it finds them in the file that its --dpkgopt makes (99mmdebstrap), it sends each package through a filter
// in Python: a third of all its work. Source: its sub run_extract, version 1.3.5.
func slimHooks() []string {
	var lines, exclude, include []string
	for _, o := range slimOptions() {
		lines = append(lines, quote(o))
		if path, ok := strings.CutPrefix(o, "path-exclude="); ok {
			exclude = append(exclude, "-path "+quote("."+path))
		}
		if path, ok := strings.CutPrefix(o, "path-include="); ok {
			include = append(include, "! -path "+quote("."+path))
			if above, _, ok := strings.Cut(path, "*"); ok { // as dpkg does: what is included may be behind a link
				include = append(include, `! \( -type l -path `+quote("."+above+"*")+` \)`)
			}
		}
	}
	return []string{
		`--setup-hook=mkdir -p "$1/etc/dpkg/dpkg.cfg.d" && printf '%s\n' ` + strings.Join(lines, " ") +
			` > "$1/etc/dpkg/dpkg.cfg.d/90slim"`,
		`--customize-hook=cd "$1" && find ./usr/share -depth \( ` + strings.Join(exclude, " -o ") + ` \) ` +
			strings.Join(include, " ") + ` \( ! -type d -o -empty \) -delete`,
	}
}

// quote makes a word of a shell of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// imageAptOptions are apt's settings of the official images: no translations, small indexes, no caches.
func imageAptOptions() []string {
	return []string{
		`Acquire::Languages "none";`,
		`Acquire::GzipIndexes "true";`,
		`Apt::AutoRemove::SuggestsImportant "false";`,
		`Dir::Cache::pkgcache "";`,
		`Dir::Cache::srcpkgcache "";`,
		`DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb ` +
			`/var/cache/apt/*.bin || true"; };`,
	}
}

// mergedUsrHooks make mmdebstrap merge /usr itself. Without them bookworm's package usrmerge does it, which
// brings 48 MB of Perl along that nothing else needs.
const mergedUsrHooks = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"

// bootstrapSpec is one run of mmdebstrap.
type bootstrapSpec struct {
	suite     Suite
	rootfs    string   // the archive to make
	list      string   // file with the package sources
	sources   []string // its lines
	options   string   // file with settings of apt for the bootstrap only
	kept      []string // settings of apt that stay in the image
	mergedUsr bool     // mergedUsrHooks are there
}

// mmdebstrapArgs is the command line.
func mmdebstrapArgs(s bootstrapSpec) []string {
	args := []string{"--variant=minbase", "--mode=auto", "--format=tar", "--aptopt=" + s.options}
	if s.mergedUsr {
		args = append(args, "--hook-directory="+mergedUsrHooks)
	}
	args = append(args, slimHooks()...)
	if slices.ContainsFunc(s.sources, func(line string) bool { return strings.Contains(line, "https://") }) {
		args = append(args, "--include=ca-certificates") // apt in the image needs it for these sources
	}
	var kept []string
	for _, k := range s.kept {
		kept = append(kept, quote(k))
	}
	return append(args,
		`--customize-hook=printf '%s\n' `+strings.Join(kept, " ")+` > "$1/etc/apt/apt.conf.d/99mmdebstrap"`,
		// Files that would differ between machines, and 70 MB of apt's caches.
		`--customize-hook=rm -f "$1"/var/cache/apt/*.bin; echo localhost > "$1/etc/hostname"; : > "$1/etc/resolv.conf"`,
		string(s.suite), s.rootfs, s.list)
}
