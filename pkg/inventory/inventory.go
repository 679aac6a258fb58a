// Package inventory is what there is of a stack at one moment, as plain values: images by layer and package, the
// database, its schema, the services and what they serve, the versions in use. Package stack takes it, and package
// report draws it.
package inventory

import "time"

// Inventory is what there is of a stack.
type Inventory struct {
	Taken    time.Time
	Stack    string
	Versions []Version
	Images   []Image // of the catalogue, parents before their children
	Database Database
	Schema   Schema
	Services []Service // beside the database; none if none is chosen
	Domains  []Domain
	// Certificates are those of the domains.
	Certificates []Certificate
	Problems     []string // what could not be looked at, and why; one line each
}

// Version is the version of one part.
type Version struct {
	Of      string // "podman", "PostgreSQL"
	Version string
	From    string // where that is known from, such as "the running server"
}

// Image is one image of the catalogue.
type Image struct {
	Name        string
	Description string
	Parent      string // its name; empty for an image that stands on Debian
	ID          string // empty when it is not built; then everything below is too
	Current     bool   // it is what the files of the checkout say
	SizeBytes   int64  // unpacked, with what it shares with its parent
	Created     time.Time
	Layers      []Layer   // oldest first, without those that hold nothing
	Packages    []Package // of Debian, the largest first
}

// Layer is one layer of an image.
type Layer struct {
	Instruction string // as in the Dockerfile, as far as the engine keeps it
	SizeBytes   int64
	Inherited   bool // the parent has it too
}

// Package is a Debian package that is installed in an image.
type Package struct {
	Name         string
	Version      string
	Architecture string
	Source       string // NAME@VERSION of its source package; without a part that is the same, "" if both are
	SizeBytes    int64  // as the package says it: what dpkg was told to leave out counts too
	Inherited    bool   // the parent has it too, in the same version
}

// Database is the database in use.
type Database struct {
	URL         string // without the password; empty if there is none yet
	Answers     string // "yes", or why it does not
	Encoding    string
	TLS         string // empty when the connection is not encrypted
	User        string
	Latency     time.Duration // of one round trip
	VolumeBytes int64         // of the data volume; 0 if there is none of our own
}

// Schema is the state of the database's schema.
type Schema struct {
	State      string // in words, or why it is not known
	Changelog  string
	Problem    string      // why an update would be refused; empty for nothing
	Changesets []Changeset // in the order in which they run; none if the state is not known
}

// Changeset is one changeset of the changelog.
type Changeset struct {
	File  string
	ID    string
	State string // applied, pending or not selected
}

// Service is one service of the stack, in the words of services:status.
type Service struct {
	Name    string
	State   string // in a word or two
	Health  Health
	Summary string      // the state, and what there is to say of it
	Tells   [][2]string // what each line is about, and what it says: ports, last change, what is left out
}

// Health is whether somebody has to look at something.
type Health string

// The healths.
const (
	Well     Health = "well"
	Impaired Health = "impaired" // it serves, and not all that it should
	Down     Health = "down"
)

// Domain is a domain that is served.
type Domain struct {
	Name         string
	Serves       string // mail, web, dns
	Enabled      bool
	Zone         string // that has its names; empty if none here has
	Accounts     int
	Aliases      int
	Certificates int
}

// Certificate is one certificate of the domains, in the words of certificates:status.
type Certificate struct {
	Name     string
	Names    []string // that it is for
	Status   string
	NotAfter time.Time // zero until it is issued
	DaysLeft *int      // nil unless it is issued
	Served   string    // by whom
	More     string    // its last error and what to do, or what else there is to say
	Wrong    bool      // somebody has to look after it
}
