package issuer

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/certificate"
)

// old is behind the names of the files of the pair that was there before.
const old = ".old"

// The files of a pair can be read by the group of the services, and by nobody else.
const (
	fileMode      fs.FileMode = 0o640
	directoryMode fs.FileMode = 0o750
)

// deployed gives the certificate that services find in a directory; nil if there is no pair that fits.
func deployed(dir string) *x509.Certificate {
	pair, err := certificate.ReadPair(dir)
	if err != nil {
		return nil
	}
	return pair.Leaf
}

// deploy puts the pair of a lineage where services find it, unless it does not fit, has ended, or is not for those
// names. The pair that was there is kept beside it.
func deploy(from, to string, names []string, now time.Time) error {
	chain, err := os.ReadFile(filepath.Join(from, certificate.ChainFile))
	if err != nil {
		return fmt.Errorf("deploy the certificate: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(from, certificate.KeyFile))
	if err != nil {
		return fmt.Errorf("deploy the certificate: %w", err)
	}
	pair, err := certificate.KeyPair(chain, key)
	if err != nil {
		return fmt.Errorf("deploy the certificate: %w", err)
	}
	for _, name := range names {
		if err := pair.Leaf.VerifyHostname(sample(name)); err != nil {
			return fmt.Errorf("deploy the certificate: %w", err)
		}
	}
	if now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("deploy the certificate: it ended at %s", pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	if err := makeDirectory(to); err != nil {
		return fmt.Errorf("deploy the certificate: %w", err)
	}
	return put(to, map[string][]byte{certificate.KeyFile: key, certificate.ChainFile: chain})
}

// put replaces files of a directory by renaming, all of them or none, and keeps those that were there under another
// name. As long as a key stays the same, so that only one file changes, no service can ever read half of each pair.
func put(dir string, files map[string][]byte) error {
	var ready []*renameio.PendingFile
	defer func() {
		for _, f := range ready {
			_ = f.Cleanup() // of those that were not put
		}
	}()
	for name, content := range files {
		path := filepath.Join(dir, name)
		before, err := os.ReadFile(path)
		switch {
		case err == nil && bytes.Equal(before, content):
			continue
		case err == nil:
			err = renameio.WriteFile(path+old, before, fileMode)
		case errors.Is(err, fs.ErrNotExist):
			err = nil
		}
		if err != nil {
			return fmt.Errorf("deploy the certificate: %w", err)
		}
		f, err := renameio.NewPendingFile(path, renameio.WithPermissions(fileMode))
		if err != nil {
			return fmt.Errorf("deploy the certificate: %w", err)
		}
		ready = append(ready, f)
		if _, err = f.Write(content); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return fmt.Errorf("deploy the certificate: %w", err)
		}
	}
	for _, f := range ready {
		if err := f.CloseAtomicallyReplace(); err != nil {
			return fmt.Errorf("deploy the certificate: %w", err)
		}
	}
	return nil
}

// sample is a name that a certificate for that one, or that wildcard, is for.
func sample(name string) string {
	if rest, wild := strings.CutPrefix(name, "*."); wild {
		return "any." + rest
	}
	return name
}

// makeDirectory makes a directory that the group can read, whatever the umask is.
func makeDirectory(dir string) error {
	err := os.Mkdir(dir, directoryMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, directoryMode)
}

// withdraw removes a pair, and the one that was kept beside it.
func withdraw(dir string) error {
	var all []error
	for _, name := range []string{
		certificate.KeyFile, certificate.KeyFile + old, certificate.ChainFile, certificate.ChainFile + old,
	} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && len(all) == 0 {
		all = append(all, err) // somebody has put something else there
	}
	return errors.Join(all...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
