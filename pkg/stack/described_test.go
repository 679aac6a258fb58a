package stack_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/hosting"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/stack"
)

// TestData_described holds docs/output.schema.json to the values that targets give: each member is described, and
// those that are always there are required.
func TestData_described(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "output.schema.json"))
	require.NoError(t, err)
	var s schemaNode
	require.NoError(t, json.Unmarshal(text, &s))
	for name, value := range map[string]any{
		"account": stack.AccountData{}, "alias": hosting.AliasRow{}, "backup": stack.BackupData{},
		"restored": stack.RestoredData{}, "upgraded": stack.UpgradedData{},
		"certificate": stack.CertificateData{}, "changeset": stack.ChangesetData{},
		"checked_image": stack.ImageChecks{}, "demo": stack.DemoData{}, "doctor": stack.DoctorReport{},
		"domain": stack.DomainData{}, "engines": []engine.Candidate{},
		"image": stack.ImageData{}, "images": []image.Status{}, "logs": stack.LogsReport{},
		"migration": stack.MigrationData{}, "need": stack.NeedData{},
		"password": stack.PasswordData{}, "printed": stack.PrintedData{},
		"record": hosting.RecordRow{}, "removed": stack.RemovedData{},
		"schema": stack.SchemaData{}, "server": stack.ServerData{},
		"service_done": stack.ServiceData{}, "services": []stack.ServiceStatus{}, "settings": []config.Setting{},
		"setup":  stack.ReadyData{},
		"status": stack.StatusReport{}, "url": stack.URLData{}, "zone": hosting.ZoneRow{},
	} {
		require.NotNil(t, s.Defs[name], name)
		s.describes(t, name, s.Defs[name], reflect.TypeOf(value))
	}
}

// schemaNode is as much of a JSON Schema as these tests read.
type schemaNode struct {
	Ref        string                 `json:"$ref"`
	Defs       map[string]*schemaNode `json:"$defs"`
	Items      *schemaNode            `json:"items"`
	Properties map[string]*schemaNode `json:"properties"`
	Required   []string               `json:"required"`
}

// describes holds a node of the schema to a type.
func (s schemaNode) describes(t *testing.T, path string, node *schemaNode, of reflect.Type) {
	t.Helper()
	if node.Ref != "" {
		node = s.Defs[strings.TrimPrefix(node.Ref, "#/$defs/")]
	}
	switch of.Kind() { //nolint:exhaustive // the others have no members
	case reflect.Pointer:
		s.describes(t, path, node, of.Elem())
	case reflect.Slice:
		if assert.NotNil(t, node.Items, path) {
			s.describes(t, path+"[]", node.Items, of.Elem())
		}
	case reflect.Struct:
		if of == reflect.TypeFor[time.Time]() {
			return
		}
		var always, all []string
		for _, field := range reflect.VisibleFields(of) {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "-" || !field.IsExported() || field.Anonymous {
				continue
			}
			all = append(all, name)
			if options != "omitempty" {
				always = append(always, name)
			}
			if assert.Contains(t, node.Properties, name, path) {
				s.describes(t, path+"."+name, node.Properties[name], field.Type)
			}
		}
		assert.ElementsMatch(t, all, slices.Collect(maps.Keys(node.Properties)), path)
		assert.ElementsMatch(t, always, node.Required, path)
	}
}
