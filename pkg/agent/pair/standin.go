package pair

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/certificate"
)

// StandInName is the one name of a pair that stands in: nobody can have it (RFC 2606), so that nobody takes it for the
// certificate of a site.
const StandInName = "no-certificate-yet.invalid"

// standInFor is how long a pair lasts that stands in for a missing one; it is made anew when less than half is left.
const standInFor = 2 * 365 * 24 * time.Hour

// StandIn makes sure that dir holds a self-signed pair that servers can start with.
func StandIn(dir string, now time.Time) error {
	if leaf, err := readOnce(dir); err == nil && now.Add(standInFor/2).Before(leaf.NotAfter) {
		return nil
	}
	made, err := certificate.SelfSigned(certificate.Names{DNS: []string{StandInName}}, standInFor)
	if err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the pair that stands in: %w", err)
	}
	for _, file := range []struct {
		name    string
		content []byte
		mode    fs.FileMode
	}{{certificate.ChainFile, made.Certificate, 0o644}, {certificate.KeyFile, made.Key, 0o600}} {
		if err := renameio.WriteFile(filepath.Join(dir, file.name), file.content, file.mode); err != nil {
			return fmt.Errorf("make the pair that stands in: %w", err)
		}
	}
	return nil
}
