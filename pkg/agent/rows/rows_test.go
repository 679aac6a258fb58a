package rows_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/agent/rows"
)

func TestParse(t *testing.T) {
	t.Parallel()
	list, err := rows.Parse([]byte(`[{"name":"a","n":9007199254740993},{"name":"b","n":null}]`), "name")
	require.NoError(t, err)
	require.Len(t, list, 2)
	assert.Equal(t, "b", list[1].Key)
	values, err := list[0].Values()
	require.NoError(t, err)
	assert.Equal(t, json.Number("9007199254740993"), values["n"], "no digit is lost")

	_, err = rows.Parse([]byte(`[{"n":1}]`), "name")
	require.ErrorContains(t, err, `row 1 has no "name"`)
	_, err = rows.Parse([]byte(`[{"name":null}]`), "name")
	require.ErrorContains(t, err, `row 1 has no "name"`)
	_, err = rows.Parse([]byte(`{}`), "")
	require.Error(t, err)
}

func TestSet_Save(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rows.json")
	none, err := rows.Load(path)
	require.NoError(t, err)
	assert.Nil(t, none)

	list, err := rows.Parse([]byte(`[{"name":"a"}]`), "name")
	require.NoError(t, err)
	require.NoError(t, rows.Set{"q": list, "empty": {}}.Save(path))
	again, err := rows.Load(path)
	require.NoError(t, err)
	assert.Equal(t, rows.Set{"q": list, "empty": {}}, again)

	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = rows.Load(path)
	require.ErrorContains(t, err, path)
}
