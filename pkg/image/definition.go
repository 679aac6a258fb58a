// Package image builds Poststack's container images: it reads what each one is made of, decides whether an
// image in the engine's store still is what its inputs say, and builds it when it is not.
//
// An image is a folder, containers/NAME, and everything about it stands in its image.yaml. No image is known
// by name in this package.
package image

import (
	"path"
	"path/filepath"
	"time"
)

// Definition is what containers/NAME/image.yaml says.
type Definition struct {
	Name string `yaml:"-"` // the folder's name
	Dir  string `yaml:"-"` // the folder

	Description string `yaml:"description"` // one line
	Parent      string `yaml:"parent"`      // the image it stands on; "" is Debian itself
	// build arguments; [SuiteVariable] in a value is the configured Debian suite
	Args map[string]string `yaml:"args"`
	// build argument → the image of the catalogue that it names: files are copied from it
	Stages      map[string]string `yaml:"stages"`
	User        string            `yaml:"user"` // whom its main process runs as
	Environment []Variable        `yaml:"environment"`
	Stop        Stop              `yaml:"stop"`
	Artifacts   []Artifact        `yaml:"artifacts"`
	Service     *Service          `yaml:"service"` // nil if the image runs none
	Runtime     Runtime           `yaml:"runtime"`
}

// file is how people are told a file of the folder: containers/NAME/FILE.
func (d Definition) file(name string) string {
	return path.Join(filepath.Base(filepath.Dir(d.Dir)), d.Name, name)
}

// SuiteVariable is what stands for the Debian suite in the value of a build argument. No other variable is
// known there.
const SuiteVariable = "${suite}"

// Variable is an environment variable that the image's users may set.
type Variable struct {
	Name    string `yaml:"name"`
	Default string `yaml:"default"`
	Help    string `yaml:"help"`
}

// Stop is how the image's main process is ended.
type Stop struct {
	Signal   string        `yaml:"signal"`    // such as "SIGINT"; "" is the engine's default
	Timeout  time.Duration `yaml:"timeout"`   // before it is killed; 0 is the engine's default
	ExitCode int           `yaml:"exit_code"` // of a clean end
	Log      string        `yaml:"log"`       // regular expression that its log then must match; "" is anything
}

// Artifact is something that is downloaded, or compiled, on the host and copied into the image. A TLS-intercepting
// proxy's certificate is known to the host only, so that a download in a RUN would fail there.
type Artifact struct {
	Name    string         `yaml:"name"`
	Version string         `yaml:"version"` // "" if it is compiled
	Sources []Source       `yaml:"sources"` // tried in order
	Files   []ArtifactFile `yaml:"files"`
}

// Source is one place an artifact comes from; exactly one of the fields is set.
type Source struct {
	URL string `yaml:"url"` // an archive (.tar.gz, .tgz, .zip), or the file itself
	NPM string `yaml:"npm"` // NAME@VERSION, fetched by npm pack
	Go  string `yaml:"go"`  // ./PACKAGE of the checkout, a program; it is the artifact's only source then
}

// String names the source in messages.
func (s Source) String() string {
	switch {
	case s.NPM != "":
		return "npm package " + s.NPM
	case s.Go != "":
		return "Go program " + s.Go
	default:
		return s.URL
	}
}

// ArtifactFile is a file of an artifact.
type ArtifactFile struct {
	// the end of its path inside the archive, whole names; it must fit exactly one file there
	Path   string `yaml:"path"`
	SHA256 string `yaml:"sha256"` // of its content, 64 lower-case hex digits; like Path "" of a file that is compiled
	To     string `yaml:"to"`     // where it goes in the build context
}

// Suite is a Debian release by its code name, such as "bookworm".
type Suite string
