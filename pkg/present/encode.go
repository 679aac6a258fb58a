package present

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/poststack/poststack/pkg/secret"
)

// Keep writes the document to a file, all of it or nothing, with every secret masked. Whoever reads the file
// meanwhile gets the old one or the new one. It is not forced to the disk, which takes longer than a run with
// nothing to do: after a power failure it may be gone.
func (d Document) Keep(path string, secrets *secret.Set) error {
	text, err := json.Marshal(d)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	var f *renameio.PendingFile
	if err == nil {
		f, err = renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
			renameio.WithStaticPermissions(0o600))
	}
	if err == nil {
		defer f.Cleanup() //nolint:errcheck // nothing is left to clean up once the file is in its place
		_, err = f.Write(append(masked(text, secrets), '\n'))
	}
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// encode is the document in one line, as the user gets it: what was asked for as it is, such as the URL with its
// password, and all else with secrets masked.
func (d Document) encode(secrets *secret.Set) ([]byte, error) {
	d.Phases = slices.Clone(d.Phases)
	for i, phase := range d.Phases {
		if phase.Data == nil {
			continue
		}
		data, err := json.Marshal(phase.Data)
		if err != nil {
			return nil, fmt.Errorf("encode data of %q: %w", phase.Name, err)
		}
		d.Phases[i].Data = json.RawMessage(masked(data, secrets))
	}
	d.Error = secrets.Redact(d.Error)
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return append(text, '\n'), nil
}

// literal is a JSON string, and the colon of a member's name.
var literal = regexp.MustCompile(`"(?:[^"\\]|\\.)*":?`)

// masked takes the secrets out of the strings of a JSON text as json.Marshal writes it. Names of members and
// the punctuation stay, whatever the secrets are.
func masked(text []byte, secrets *secret.Set) []byte {
	return literal.ReplaceAllFunc(text, func(found []byte) []byte {
		var value string
		if json.Unmarshal(found, &value) != nil { // it is a name
			return found
		}
		clean := secrets.Redact(value)
		if clean == value {
			return found
		}
		out, _ := json.Marshal(clean) // a string cannot fail
		return out
	})
}
