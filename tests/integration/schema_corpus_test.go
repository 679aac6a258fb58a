package integration_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/schema"
)

// corpusDir holds one directory for each changelog: changelog/ with its files, then/ with those that replace them for a
// second update, before.sql for what stands in the database already, and case.yaml, which is a [corpusCase].
const corpusDir = "testdata/corpus"

// corpusCase is a changelog, and what is wanted beside the same outcome on both sides.
type corpusCase struct {
	name     string
	Of       string   // another case's name, whose files it takes
	Root     string   // "" is the file named root
	Contexts string   // "" selects only changesets without a context
	Labels   string   // likewise
	Gone     []string // files that the second update does not have
	Rollback int      // so many changesets are rolled back at the end
	Refused  *refusal // nil: it is applied
	before   string
	steps    []map[string][]byte // the files of each update
}

// refusal is how a changelog is refused. Liquibase itself is held to nothing but that it refuses.
type refusal struct {
	Step  int // 0 is the last update
	File  string
	Line  int  // 0 is not looked at
	Ours  bool // Liquibase itself is content
	Words []string
}

// TestSchemaCorpus migrates with changelogs of the corpus two databases of one server: with Liquibase's own command
// line, and with Poststack. Both must hold the same afterwards, and Poststack must say of its database what Liquibase
// says of the other one. A run takes some of the corpus by chance; POSTSTACK_TEST_ROUNDS=100 takes all of it.
func TestSchemaCorpus(t *testing.T) {
	enginetest.AnyEngine(t)
	t.Parallel()
	cases := corpusCases(t)
	dice := rand.New(rand.NewPCG(enginetest.Seed(t), 0))
	dice.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	cases = cases[:min(len(cases), enginetest.Rounds(t, 8))]
	for _, kind := range enginetest.Kinds(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := enginetest.Open(t, kind)
			server, owner := startServer(t, e)
			c := &corpus{engine: e, server: server.ID(), owner: owner, slots: make(chan struct{}, 2)}
			c.create(t, cases)
			c.stock(t, cases)
			t.Cleanup(func() { assert.NoError(t, c.wait()) })
			for _, k := range cases {
				t.Run(k.name, func(t *testing.T) {
					t.Parallel()
					c.compare(t, k)
				})
			}
		})
	}
}

// corpus is the server with the databases.
type corpus struct {
	engine *engine.Engine
	server engine.ContainerID
	owner  database.Target
	slots  chan struct{} // two sides at a time: the machine has two cores
	ran    map[string][]stockRun
	failed error
	done   chan struct{} // closed when Liquibase's own side has ended
}

// Names of a case's databases.
func (k *corpusCase) stockDatabase() string { return "stock_" + strings.ReplaceAll(k.name, "-", "_") }
func (k *corpusCase) ourDatabase() string   { return "our_" + strings.ReplaceAll(k.name, "-", "_") }

// create makes both databases of each case.
func (c *corpus) create(t *testing.T, cases []*corpusCase) {
	t.Helper()
	admin := connect(t, c.owner)
	for _, k := range cases {
		for _, name := range []string{k.stockDatabase(), k.ourDatabase()} {
			exec(t, admin, "create database "+name)
			if k.before != "" {
				conn, err := c.target(name).Connect(t.Context())
				require.NoError(t, err)
				exec(t, conn, k.before)
				require.NoError(t, conn.Close(t.Context()))
			}
		}
	}
}

func (c *corpus) target(name string) database.Target {
	target := c.owner
	target.Database = name
	return target
}

// corpusCases reads the corpus.
func corpusCases(t *testing.T) []*corpusCase {
	t.Helper()
	entries, err := os.ReadDir(corpusDir)
	require.NoError(t, err)
	var cases []*corpusCase
	for _, e := range entries {
		if e.IsDir() {
			cases = append(cases, readCase(t, e.Name()))
		}
	}
	require.Greater(t, len(cases), 40)
	return cases
}

func readCase(t *testing.T, name string) *corpusCase {
	t.Helper()
	k := &corpusCase{name: name}
	optional := func(file string) []byte {
		content, err := os.ReadFile(file)
		if !errors.Is(err, fs.ErrNotExist) {
			require.NoError(t, err)
		}
		return content
	}
	require.NoError(t, yaml.Unmarshal(optional(filepath.Join(corpusDir, name, "case.yaml")), k), name)
	if k.Of == "" {
		k.Of = name
	}
	dir := filepath.Join(corpusDir, k.Of)
	k.before = string(optional(filepath.Join(dir, "before.sql")))
	k.steps = append(k.steps, readFiles(t, filepath.Join(dir, "changelog")))
	if then := readFiles(t, filepath.Join(dir, "then")); len(then) > 0 || len(k.Gone) > 0 {
		second := maps.Clone(k.steps[0])
		maps.Copy(second, then)
		for _, gone := range k.Gone {
			delete(second, gone)
		}
		k.steps = append(k.steps, second)
	}
	for file := range k.steps[0] {
		if k.Root == "" && strings.HasPrefix(file, "root.") {
			k.Root = file
		}
	}
	require.Contains(t, k.steps[0], k.Root, name)
	if k.Refused != nil && k.Refused.Step == 0 {
		k.Refused.Step = len(k.steps)
	}
	return k
}

// readFiles reads the files below dir, hidden ones too; none if there is no dir.
func readFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[path.Clean(name)], err = os.ReadFile(filepath.Join(dir, name))
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	return files
}

// recorded lists the rows of Liquibase's table; none if there is no table.
func recorded(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	var there bool
	require.NoError(t,
		conn.QueryRow(context.Background(), `select to_regclass('databasechangelog') is not null`).Scan(&there))
	if !there {
		return nil
	}
	rows, err := conn.Query(context.Background(), `select concat_ws(' | ', filename, id, author, coalesce(md5sum, '-'),
		exectype, coalesce(contexts, '-'), coalesce(labels, '-'), coalesce(tag, '-'), coalesce(comments, '-'),
		coalesce(description, '-'))
		from databasechangelog order by orderexecuted, id`)
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}

// names are the changesets as Liquibase's command line writes them, in order of their text.
func names(sets []schema.Status) []string {
	var list []string
	for _, s := range sets {
		list = append(list, s.File+"::"+s.ID+"::"+s.Author)
	}
	slices.Sort(list)
	return list
}
