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
	Name string // the folder's name
	Dir  string // the folder

	Description string            // one line
	Parent      string            // the image it stands on; "" is Debian itself
	Args        map[string]string // build arguments; [SuiteVariable] in a value is the configured Debian suite
	Stages      map[string]string // build argument → the image of the catalogue that it names: files are copied from it
	User        string            // whom its main process runs as
	Environment []Variable
	Stop        Stop
	Artifacts   []Artifact
	Service     *Service // nil if the image runs none
	Runtime     Runtime
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
	Name    string
	Default string
	Help    string
}

// Stop is how the image's main process is ended.
type Stop struct {
	Signal   string        // such as "SIGINT"; "" is the engine's default
	Timeout  time.Duration // before it is killed; 0 is the engine's default
	ExitCode int           // of a clean end
	Log      string        // regular expression that its log then must match; "" is anything
}

// Artifact is something that is downloaded, or compiled, on the host and copied into the image. A TLS-intercepting
// proxy's certificate is known to the host only, so that a download in a RUN would fail there.
type Artifact struct {
	Name    string
	Version string   // "" if it is compiled
	Sources []Source // tried in order
	Files   []ArtifactFile
}

// Source is one place an artifact comes from; exactly one of the fields is set.
type Source struct {
	URL string // an archive (.tar.gz, .tgz, .zip), or the file itself
	NPM string // NAME@VERSION, fetched by npm pack
	Go  string // ./PACKAGE of the checkout, a program; it is the artifact's only source then
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
	Path   string // the end of its path inside the archive, whole names; it must fit exactly one file there
	SHA256 string // of its content, 64 lower-case hex digits; like Path "" of a file that is compiled
	To     string // where it goes in the build context
}

// The shape of image.yaml. Definition is not decoded directly, so that its fields can be named freely.
type definitionFile struct {
	Description string            `yaml:"description"`
	Parent      string            `yaml:"parent"`
	Args        map[string]string `yaml:"args"`
	Stages      map[string]string `yaml:"stages"`
	User        string            `yaml:"user"`
	Environment []struct {
		Name    string `yaml:"name"`
		Default string `yaml:"default"`
		Help    string `yaml:"help"`
	} `yaml:"environment"`
	Stop struct {
		Signal   string        `yaml:"signal"`
		Timeout  time.Duration `yaml:"timeout"`
		ExitCode int           `yaml:"exit_code"`
		Log      string        `yaml:"log"`
	} `yaml:"stop"`
	Artifacts []struct {
		Name    string `yaml:"name"`
		Version string `yaml:"version"`
		Sources []struct {
			URL string `yaml:"url"`
			NPM string `yaml:"npm"`
			Go  string `yaml:"go"`
		} `yaml:"sources"`
		Files []struct {
			Path   string `yaml:"path"`
			SHA256 string `yaml:"sha256"`
			To     string `yaml:"to"`
		} `yaml:"files"`
	} `yaml:"artifacts"`
	Service *Service `yaml:"service"`
	Runtime Runtime  `yaml:"runtime"`
}

// definition copies f into the form that the rest of the package uses.
func (f definitionFile) definition(name, dir string) Definition {
	d := Definition{
		Name: name, Dir: dir, Description: f.Description, Parent: f.Parent, Args: f.Args, Stages: f.Stages, User: f.User,
		Stop:    Stop{Signal: f.Stop.Signal, Timeout: f.Stop.Timeout, ExitCode: f.Stop.ExitCode, Log: f.Stop.Log},
		Service: f.Service, Runtime: f.Runtime,
	}
	for _, v := range f.Environment {
		d.Environment = append(d.Environment, Variable{Name: v.Name, Default: v.Default, Help: v.Help})
	}
	for _, a := range f.Artifacts {
		art := Artifact{Name: a.Name, Version: a.Version}
		for _, s := range a.Sources {
			art.Sources = append(art.Sources, Source{URL: s.URL, NPM: s.NPM, Go: s.Go})
		}
		for _, file := range a.Files {
			art.Files = append(art.Files, ArtifactFile{Path: file.Path, SHA256: file.SHA256, To: file.To})
		}
		d.Artifacts = append(d.Artifacts, art)
	}
	return d
}

// Suite is a Debian release by its code name, such as "bookworm".
type Suite string
