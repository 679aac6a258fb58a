// Package backup is the format of a backup: one file, which standard tools open as well. It knows no engine and no
// database.
//
// The file is a tar archive. First comes [HeaderName], readable by everyone; then the members, each a directory of
// numbered pieces that make one stream; then the [Manifest] as such a member, and last [SumsName], the SHA-256 of
// everything before it, in the form of sha256sum. With recipients every member is encrypted by age on its own, and has
// ".age" at the end of its name: nothing of it reaches the disk in another form. So this makes a plain dump again:
//
//	tar -xOf FILE database.dump.age | age --decrypt --identity KEY > database.dump
package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"
)

// The names in the archive that are not the caller's.
const (
	HeaderName   = "backup.json"
	ManifestName = "manifest.json"
	SumsName     = "SHA256SUMS"

	encrypted = ".age" // at the end of a member's name
)

// format is the version of the format; a newer one is refused.
const format = 1

// pieceSize is how much of a member one entry of the archive holds, in bytes: an entry's size is written before it, and
// no member has to fit into memory.
const pieceSize = 4 << 20

// Header is what can be known of a backup without its key. It stands in the manifest once more, where nobody can change
// it unseen.
type Header struct {
	Format    int       `json:"format"`
	Poststack string    `json:"poststack"` // version of the program
	Created   time.Time `json:"created"`   // of the snapshot
	Stack     string    `json:"stack"`
	Database  string    `json:"database"`
	Place     string    `json:"place,omitempty"` // which server: OwnPlace, or host and port; "" was not noted yet
	User      string    `json:"user"`            // who owned the database
	Server    string    `json:"server"`          // "15.20"
	Major     int       `json:"major"`
	Encoding  string    `json:"encoding"`
	Collation string    `json:"collation"`
	Schema    string    `json:"schema"`            // SHA-256 of the schema's text, see [Fingerprint]
	Encrypted bool      `json:"encrypted"`         // only identities that the recipients have can read the members
	Volumes   []string  `json:"volumes,omitempty"` // of services, that are in it beside the database
}

// OwnPlace is the place of a database in the stack's own server.
const OwnPlace = "own"

// Manifest says what is in a backup.
type Manifest struct {
	Header  Header           `json:"header"`
	Rows    map[string]int64 `json:"rows"` // of each table, in the snapshot
	Members []Member         `json:"members"`
}

// Member is one stream in the archive, as it was given.
type Member struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// What callers branch on; match with errors.Is.
var (
	// ErrForeign is a file that is no backup.
	ErrForeign = errors.New("it is no backup of Poststack")
	// ErrDamaged is a backup that is not what was written.
	ErrDamaged = errors.New("it is damaged")
	// ErrNoIdentity is an encrypted backup, and no identity that opens it.
	ErrNoIdentity = errors.New("none of the identities opens it")
)

func damaged(text string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(text, args...))
}

// sum is a running SHA-256 of so many bytes.
type sum struct {
	hash.Hash
	bytes int64
}

func newSum() *sum { return &sum{Hash: sha256.New()} }

// Write takes p into the sum, and never fails.
func (s *sum) Write(p []byte) (int, error) {
	s.bytes += int64(len(p))
	return s.Hash.Write(p)
}

func (s *sum) text() string { return hex.EncodeToString(s.Sum(nil)) }
