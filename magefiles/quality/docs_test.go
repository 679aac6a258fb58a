package quality_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// targetsSource is a package of targets with every way in which one names another.
const targetsSource = `// Package targets holds targets.
package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"example.org/stack/pkg/stack"
)

// Build makes images.
type Build mg.Namespace

// Base builds the base image. It takes
// a while. Example:
// mage build:base
func (Build) Base(ctx context.Context) error { return phase(ctx, (*stack.Stack).Base) }

// NoCache builds a | b.
func (Build) NoCache(ctx context.Context, force *bool, name string) error {
	return phase(ctx, (*stack.Stack).Setup, needs()...)
}

type DB mg.Namespace

// URL prints.
func (DB) URL(ctx context.Context) error {
	open(stack.Options{Setup: ctx}) // a field that is named like a target
	return phase(ctx, (*stack.Stack).URL, own(Build.Base))
}

// Setup does it all.
func Setup(ctx context.Context) error {
	mg.CtxDeps(ctx, Build{}.NoCache, mg.F(DB.URL), DB.URL, testing.Unit)
	return Setup2(ctx)
}

// Setup2 calls Setup's work by itself.
func Setup2(ctx context.Context) error { return nil }

func needs() []any { return []any{Build.Base} }

func phase(context.Context, any, ...any) error { return nil }

func own(need any) any { return need }
`

func TestProject_Docs(t *testing.T) {
	t.Parallel()
	root := checkout(t, map[string]string{"magefiles/targets/targets.go": targetsSource})
	p, out := project(root, &fake{}, nil)
	require.NoError(t, p.Docs(t.Context()))
	text := read(t, root, "docs", "targets.md")

	t.Run("a table has each target by its listed name", func(t *testing.T) {
		t.Parallel()
		for _, row := range []string{
			"| [`build:base`](#buildbase) | Builds the base image. |\n",
			"| [`build:noCache`](#buildnocache) | Builds a \\| b. |\n",
			"| [`db:url`](#dburl) | Prints. |\n",
			"| [`setup`](#setup) | Does it all. |\n",
			"| [`test:unit`](#testunit) | Runs the quick tests. |\n",
		} {
			assert.Contains(t, text, row)
		}
		run, workshop, _ := strings.Cut(text, "\n## Looking after the code\n")
		assert.Contains(t, run, "[`setup`]")
		assert.NotContains(t, run, "[`test:unit`]")
		assert.Contains(t, workshop, "[`test:unit`]")
	})

	t.Run("the picture has what each target names, and nothing else", func(t *testing.T) {
		t.Parallel()
		arrows := regexp.MustCompile(`(?m)^    t_.*$`).FindAllString(text, -1)
		assert.Equal(t, []string{
			`    t_build_noCache["build:noCache"] --> t_build_base["build:base"]`,
			`    t_db_url["db:url"] -.->|own database| t_build_base["build:base"]`,
			`    t_setup["setup"] --> t_build_noCache["build:noCache"]`,
			`    t_setup["setup"] --> t_db_url["db:url"]`,
			`    t_setup["setup"] --> t_test_unit["test:unit"]`,
		}, arrows)
	})

	t.Run("each section has comment, example, flags and needs", func(t *testing.T) {
		t.Parallel()
		assert.Contains(t, text,
			"\n### build:base\n\nBuilds the base image. It takes\na while.\n\n```sh\nmage build:base\n```\n")
		assert.Contains(t, text, "\n### build:noCache\n\nBuilds a | b.\n\n- `-force` (bool)\n- `<name>` (string)\n\n"+
			"Needs [build:base](#buildbase).\n")
		assert.Contains(t, text, "\nNeeds [build:base](#buildbase) (own database only).\n")
		assert.Contains(t, text, "\nNeeds [build:noCache](#buildnocache), [db:url](#dburl) and [test:unit](#testunit).\n")
	})

	t.Run("every setting is in the configuration page", func(t *testing.T) {
		t.Parallel()
		page := read(t, root, "docs", "configuration.md")
		for _, name := range []string{
			"`database.url` | `DATABASE_URL`", "`engine` | `POSTSTACK_ENGINE`", "\nlog:\n  level: info\n",
		} {
			assert.Contains(t, page, name)
		}
	})

	assert.Equal(t, "wrote docs/targets.md\nwrote docs/configuration.md\nwrote magefiles/targets/lines.txt\n"+
		"docs/performance.md is current\n", out.String())
}

func TestProject_Docs_again(t *testing.T) {
	t.Parallel()
	root := checkout(t, map[string]string{"magefiles/targets/targets.go": targetsSource})
	p, out := project(root, &fake{}, nil)
	require.NoError(t, p.Docs(t.Context()))
	require.NoError(t, p.Lint(t.Context()))
	out.Reset()
	require.NoError(t, p.Docs(t.Context()))
	assert.Equal(t, "docs/targets.md is current\ndocs/configuration.md is current\n"+
		"magefiles/targets/lines.txt is current\ndocs/performance.md is current\n", out.String())
	assert.Contains(t, read(t, root, "magefiles", "targets", "lines.txt"), "both build:noCache -force=bool name=string\n")

	write(t, root,
		map[string]string{"magefiles/targets/targets.go": strings.Replace(targetsSource, "own(Build.Base)", "DB.URL", 1)})
	require.EqualError(t, p.Lint(t.Context()), "lint: docs failed")
	assert.Contains(t, out.String(), "compare documents with the code: docs/targets.md stale; run mage docs")
}

func TestProject_Docs_errors(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"source that does not parse":     {"magefiles/targets/targets.go": "package targets\nfunc {"},
		"a document that cannot be made": {"docs": "a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := project(checkout(t, files), &fake{}, nil)
			require.Error(t, p.Docs(t.Context()))
		})
	}
}
