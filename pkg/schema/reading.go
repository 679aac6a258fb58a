package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// Reading is a changelog as Liquibase has read it. Nothing else reads changelogs.
type Reading struct {
	Changesets []Changeset `json:"changesets"` // in the order in which they run
	// it has preconditions as a whole, which only the database answers
	Conditional bool `json:"conditional,omitempty"`
}

// Changeset is one changeset as Liquibase will treat it.
type Changeset struct {
	File        string `json:"file"` // Liquibase's FILENAME: relative to the changelog's directory, or logicalFilePath
	ID          string `json:"id"`
	Author      string `json:"author"`
	Source      string `json:"source,omitempty"`  // the file that it stands in, relative to the changelog's directory
	Line        int    `json:"line,omitempty"`    // of its declaration in Source; 0 if it is not known
	Context     string `json:"context,omitempty"` // with those of the includes above it
	Labels      string `json:"labels,omitempty"`  // likewise
	DBMS        string `json:"dbms,omitempty"`
	Skip        string `json:"skip,omitempty"`       // why an update passes it over: context, labels, dbms or ignore
	Checksum    string `json:"checksum,omitempty"`   // of Liquibase's current version; "" if it cannot be computed
	RunAlways   bool   `json:"always,omitempty"`     // on every update
	RunOnChange bool   `json:"onchange,omitempty"`   // again when its checksum is another
	Outside     bool   `json:"outside,omitempty"`    // runInTransaction:false
	PassOver    bool   `json:"passover,omitempty"`   // failOnError:false
	OnFail      string `json:"onfail,omitempty"`     // what a precondition that fails does; "" without one
	Final       bool   `json:"final,omitempty"`      // it cannot be rolled back
	Misread     bool   `json:"misread,omitempty"`    // a file of formatted SQL that Liquibase takes for one script
	Trailing    bool   `json:"trailing,omitempty"`   // its SQL ends with a comment, which is part of its checksum
	Undeclared  string `json:"undeclared,omitempty"` // names in ${…} that nothing declares, with spaces between
}

// String names the changeset as "id (author)".
func (c Changeset) String() string { return fmt.Sprintf("%s (%s)", c.ID, c.Author) }

func (c Changeset) key() key { return newKey(c.File, c.ID, c.Author) }

// key is a changeset's identity in Liquibase's table.
type key struct{ file, id, author string }

// newKey brings the file into one form, as Liquibase does when it compares: it recorded the same file as
// "classpath:x.sql", "/x.sql" and "x.sql" over the years. Source: DatabaseChangeLog.normalizePath, 4.28.
func newKey(file, id, author string) key {
	file = strings.ReplaceAll(strings.TrimPrefix(file, "classpath:"), `\`, "/")
	if len(file) > 1 && file[1] == ':' {
		file = file[2:]
	}
	return key{path.Clean(strings.TrimPrefix(file, "/")), id, author}
}

// find returns the changeset of that identity.
func (r *Reading) find(k key) (Changeset, bool) {
	i := slices.IndexFunc(r.Changesets, func(s Changeset) bool { return s.key() == k })
	if i < 0 {
		return Changeset{}, false
	}
	return r.Changesets[i], true
}

// keptReadings is how many readings the cache holds before it is emptied: each changelog, selection and database has
// one.
const keptReadings = 64

// readingFile is where the reading of a changelog is kept. Its name holds everything that decides how Liquibase
// reads: the files, its own version, what is selected, and the database, since a changelog may refer to
// ${database.…}. "" if there is no cache.
func (m *Migrator) readingFile(c *Changelog, server int) string {
	if m.Cache == "" {
		return ""
	}
	h := sha256.New()
	t := m.Target
	text := []string{m.Image, chosen(m.Contexts), chosen(m.Labels), t.Host, t.User, t.Database, t.Schema}
	fmt.Fprintf(h, "1\n%s\n%q\n%d\n", c.Digest(), text, []int{int(t.Port), server})
	return filepath.Join(m.Cache, hex.EncodeToString(h.Sum(nil))+".json")
}

// kept is the reading of an earlier run; nil if there is none. One that cannot be read is as good as none.
func (m *Migrator) kept(c *Changelog, server int) *Reading {
	var r Reading
	text, err := os.ReadFile(m.readingFile(c, server))
	if err != nil || json.Unmarshal(text, &r) != nil {
		return nil
	}
	return &r
}

// keep keeps a reading for later runs. Not being able to costs them time, and nothing else.
func (m *Migrator) keep(c *Changelog, server int, r *Reading) {
	file := m.readingFile(c, server)
	if file == "" {
		return
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = os.MkdirAll(m.Cache, 0o700)
	}
	if err == nil {
		err = renameio.WriteFile(file, text, 0o600)
	}
	if err != nil {
		m.Report.Warn(fmt.Sprintf("keep what Liquibase has read: %v", err))
		return
	}
	if all, err := filepath.Glob(filepath.Join(m.Cache, "*.json")); err == nil && len(all) > keptReadings {
		for _, old := range all {
			if old != file {
				_ = os.Remove(old)
			}
		}
	}
}
