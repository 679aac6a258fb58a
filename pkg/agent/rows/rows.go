// Package rows is what an agent reads from the database: the rows of its queries, as JSON. So the same rows come out of
// a file that keeps them for a start without a database.
package rows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
)

// Row is one row of a query. It does not change.
type Row struct {
	Key string          `json:"key"` // tells it from the others of its query; "" if the query has no key
	Raw json.RawMessage `json:"row"` // an object: column → value
}

// Values gives the columns, with numbers as [json.Number].
func (r Row) Values() (map[string]any, error) {
	var out map[string]any
	d := json.NewDecoder(bytes.NewReader(r.Raw))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("read row %q: %w", r.Key, err)
	}
	return out, nil
}

// Set is what all queries gave at one moment: name of the query → rows in their order.
type Set map[string][]Row

// Parse reads what the database gave for one query, a JSON list of objects. key names the column that tells the rows
// apart; "" is none.
func Parse(list []byte, key string) ([]Row, error) {
	var raw []json.RawMessage
	if err := json.Unmarshal(list, &raw); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	out := make([]Row, len(raw))
	for i, r := range raw {
		out[i].Raw = r
		if key == "" {
			continue
		}
		values, err := out[i].Values()
		if err != nil {
			return nil, err
		}
		value, ok := values[key]
		if !ok || value == nil {
			return nil, fmt.Errorf("read rows: row %d has no %q", i+1, key)
		}
		out[i].Key = fmt.Sprint(value)
	}
	return out, nil
}

// Save keeps s in a file, which is whole or not there.
func (s Set) Save(path string) error {
	content, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("keep the rows: %w", err)
	}
	if err := renameio.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("keep the rows: %w", err)
	}
	return nil
}

// Load gives what [Set.Save] kept, and nil if there is nothing.
func Load(path string) (Set, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept rows: %w", err)
	}
	var s Set
	if err := json.Unmarshal(content, &s); err != nil {
		return nil, fmt.Errorf("read the kept rows in %s: %w", path, err)
	}
	return s, nil
}

// KnownSetting tells whether a setting is one of these. One that is not, and is for this service alone, is refused: a
// name with a slip in it would keep nobody out, and nobody would be told. One for all services, which has none, may be
// another's.
func KnownSetting(service, key string, known ...string) (bool, error) {
	if slices.Contains(known, key) {
		return true, nil
	}
	if service != "" {
		return false, fmt.Errorf("%s has no setting of that name; known are %s", service, strings.Join(known, ", "))
	}
	return false, nil
}
