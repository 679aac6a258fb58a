package image_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

const (
	officialDebian engine.Ref = "docker.io/library/debian:bookworm-slim"
	ownDebian      engine.Ref = "localhost/poststack/debian:bookworm-slim"
)

const debianSources = `Types: deb deb-src
# a comment
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

// debianHost is the root of a machine with these files beside Debian's keys.
func debianHost(t *testing.T, files map[string]string) string {
	t.Helper()
	files["usr/share/keyrings/debian-archive-keyring.gpg"] = "keys"
	return tree(t, files)
}

// bootstrapper acts as mmdebstrap: it writes an archive, and tells what it was called with.
type bootstrapper struct {
	mu    sync.Mutex
	calls []runner.Command
	files map[string]string // what the files named on the command line held
	fail  error
}

func (b *bootstrapper) Run(ctx context.Context, c runner.Command) (runner.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch c.Program {
	case "apt-config":
		return runner.Result{Stdout: "Acquire \"\";\nAcquire::http::Proxy " +
			"\"http://user:pw@proxy:3142\";\nAcquire::Check-Valid-Until \"false\";\nAPT::Architecture \"amd64\";\n"}, nil
	case "mmdebstrap":
	default:
		return runner.Result{}, runner.ErrNotFound
	}
	b.calls = append(b.calls, c)
	b.files = map[string]string{}
	for _, a := range c.Args {
		file := strings.TrimPrefix(a, "--aptopt=")
		if data, err := os.ReadFile(file); err == nil {
			b.files[filepath.Base(file)] = string(data)
		}
	}
	if b.fail != nil {
		return runner.Result{}, b.fail
	}
	if err := context.Cause(ctx); err != nil {
		return runner.Result{}, err
	}
	if c.Stderr != nil {
		_, _ = io.WriteString(c.Stderr, "I: downloading packages\nother\n")
	}
	return runner.Result{}, os.WriteFile(c.Args[len(c.Args)-2], []byte("rootfs"), 0o600)
}

func debian(t *testing.T, e image.Engine, r runner.Runner) image.Debian {
	t.Helper()
	return image.Debian{
		Engine: e, Runner: r, Suite: "bookworm", Cache: t.TempDir(), Timeout: time.Minute,
		Root: debianHost(t, map[string]string{"etc/apt/sources.list.d/debian.sources": debianSources}),
	}
}

func TestResolve_order(t *testing.T) {
	t.Parallel()
	official := engine.Image{ID: "sha256:official", Digests: []engine.Ref{"docker.io/library/debian@sha256:abc"}}
	for _, tc := range []struct {
		name                     string
		stored, registry, ownOne bool
		want                     engine.Ref
		pulls, bootstraps        int
	}{
		{"the local store comes first", true, true, true, officialDebian, 0, 0},
		{"then the registry", false, true, true, officialDebian, 1, 0},
		{"then the one bootstrapped earlier", false, false, true, ownDebian, 1, 0},
		{"then a new bootstrap", false, false, false, ownDebian, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fake, boot := enginetest.NewFake(), &bootstrapper{}
			if tc.stored {
				img := official
				img.Tags = []engine.Ref{officialDebian}
				fake.AddImage(img)
			}
			if tc.registry {
				fake.Registry = map[engine.Ref]engine.Image{officialDebian: official}
			}
			if tc.ownOne {
				fake.AddImage(engine.Image{ID: "sha256:own", Tags: []engine.Ref{ownDebian}})
			}
			base, err := debian(t, fake, boot).Resolve(t.Context(), event.Reporter{})
			require.NoError(t, err)
			assert.Equal(t, tc.want, base.Ref)
			if tc.want == officialDebian {
				assert.Equal(t, "sha256:abc", base.Digest)
			}
			img, err := fake.ImageInspect(t.Context(), tc.want)
			require.NoError(t, err)
			assert.Equal(t, img.ID, base.ID)
			assert.Len(t, boot.calls, tc.bootstraps)
			pulls := 0
			for _, c := range fake.Calls() {
				if strings.HasPrefix(c, "ImagePull") {
					pulls++
				}
			}
			assert.Equal(t, tc.pulls, pulls)
		})
	}
}

func TestResolve_bootstraps_with_the_sources_of_this_machine(t *testing.T) {
	t.Parallel()
	fake, boot := enginetest.NewFake(), &bootstrapper{}
	var steps []string
	sink := event.Sink(func(e event.Event) { steps = append(steps, e.Text) })
	d := debian(t, fake, boot)
	_, err := d.Resolve(t.Context(), sink.For("build:base"))
	require.NoError(t, err)
	require.Len(t, boot.calls, 1)
	c := boot.calls[0]
	args := c.Args
	assert.Equal(t, []string{"--variant=minbase", "--mode=auto", "--format=tar"}, args[:3])
	assert.Contains(t, strings.Join(args, "\n"), `'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/locale/*'`)
	assert.Contains(t, strings.Join(args, "\n"), `-path './usr/share/man/*'`)
	assert.Contains(t, strings.Join(args, "\n"),
		`! -path './usr/share/doc/*/copyright' ! \( -type l -path './usr/share/doc/*' \)`, "licences behind links stay")
	assert.NotContains(t, args, "--include=ca-certificates", "no source is https")
	assert.Equal(t, "bookworm", args[len(args)-3])
	assert.Contains(t, c.Env, "SOURCE_DATE_EPOCH=1767225600")
	assert.NotContains(t, strings.Join(args, " "), "pw@proxy", "the proxy's password is in no argv")
	assert.NotContains(t, boot.files["apt.conf"], "pw@proxy",
		"nor in a file: mmdebstrap makes a copy that everybody may read")
	assert.Contains(t, boot.files["apt.conf"], `Acquire::Check-Valid-Until "false";`)
	assert.Subset(t, c.Env, []string{"http_proxy=http://user:pw@proxy:3142", "https_proxy=http://user:pw@proxy:3142"})
	assert.Contains(t, strings.Join(args, "\n"), `Acquire::Check-Valid-Until "false";`)
	assert.Equal(t, strings.Join([]string{
		"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example.org/debian bookworm main " +
			"non-free-firmware",
		"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example.org/debian bookworm-updates " +
			"main non-free-firmware",
		"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example.org/debian-security " +
			"bookworm-security main",
	}, "\n")+"\n", boot.files["sources.list"])
	assert.Contains(t, steps, "bootstrapping Debian: downloading packages")
	assert.NoDirExists(t, filepath.Dir(args[len(args)-1]), "nothing is left behind")
	assert.NoFileExists(t, filepath.Join(d.Cache, "locks", "bootstrap.dir"))
}

func TestResolve_of_a_fresh_one(t *testing.T) {
	t.Parallel()
	newer := engine.Image{ID: "sha256:newer"}
	for _, tc := range []struct {
		name      string
		stored    engine.Ref // with the ID sha256:stored
		registry  bool
		fail      error
		want      engine.ImageID
		bootstrap int
	}{
		{"the official one is pulled again", officialDebian, true, nil, "sha256:newer", 0},
		{"the official one stays without a registry", officialDebian, false, nil, "sha256:stored", 0},
		{"a bootstrapped one is replaced by the official one", ownDebian, true, nil, "sha256:newer", 0},
		{"a bootstrapped one is made anew", ownDebian, false, nil, "", 1},
		{"a bootstrapped one stays when that does not succeed", ownDebian, false, runner.ErrNotFound, "sha256:stored", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fake, boot := enginetest.NewFake(), &bootstrapper{fail: tc.fail}
			fake.AddImage(engine.Image{ID: "sha256:stored", Tags: []engine.Ref{tc.stored}})
			if tc.registry {
				fake.Registry = map[engine.Ref]engine.Image{officialDebian: newer}
			}
			d := debian(t, fake, boot)
			d.Fresh = true
			base, err := d.Resolve(t.Context(), event.Reporter{})
			require.NoError(t, err)
			assert.Len(t, boot.calls, tc.bootstrap)
			if tc.want == "" {
				assert.Equal(t, ownDebian, base.Ref)
				assert.NotEqual(t, engine.ImageID("sha256:stored"), base.ID)
				return
			}
			assert.Equal(t, tc.want, base.ID)
		})
	}
}

func TestResolve_bootstraps_once(t *testing.T) {
	t.Parallel()
	fake, boot := enginetest.NewFake(), &bootstrapper{}
	d := debian(t, fake, boot)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := d.Resolve(t.Context(), event.Reporter{})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.Len(t, boot.calls, 1)
}

func TestResolve_tells_both_causes_and_remedies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		fail error
		root map[string]string
		want string
	}{
		{"no mmdebstrap", runner.ErrNotFound, nil, "mmdebstrap is not installed"},
		{
			"mmdebstrap fails",
			&runner.ExitError{Argv: []string{"mmdebstrap", "x"}, Code: 25, Tail: "I: a\nE: apt-get update failed"},
			nil, "bootstrap debian bookworm: mmdebstrap: exit status 25: apt-get update failed",
		},
		{
			"another distribution", nil,
			map[string]string{"etc/apt/sources.list": "deb http://archive.ubuntu.com/ubuntu noble main\n"},
			"no package sources of Debian",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := debian(t, enginetest.NewFake(), &bootstrapper{fail: tc.fail})
			if tc.root != nil {
				d.Root = debianHost(t, tc.root)
			}
			_, err := d.Resolve(t.Context(), event.Reporter{})
			require.ErrorIs(t, err, engine.ErrNotFound)
			for _, part := range []string{
				"registry: pull image", tc.want, "access to a registry that has debian:bookworm-slim", "mage engine:install",
			} {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

func TestResolve_leaves_nothing_when_cancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	var dir string
	run := runner.Func(func(ctx context.Context, c runner.Command) (runner.Result, error) {
		if c.Program == "mmdebstrap" {
			dir = filepath.Dir(c.Args[len(c.Args)-1])
			cancel(stop)
		}
		return runner.Result{}, context.Cause(ctx)
	})
	fake := enginetest.NewFake()
	_, err := debian(t, fake, run).Resolve(ctx, event.Reporter{})
	require.ErrorIs(t, err, stop)
	assert.NotEmpty(t, dir)
	assert.NoDirExists(t, dir)
	_, err = fake.ImageInspect(t.Context(), ownDebian)
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func TestResolve_removes_what_a_killed_bootstrap_left(t *testing.T) {
	t.Parallel()
	d := debian(t, enginetest.NewFake(), &bootstrapper{})
	left := filepath.Join(t.TempDir(), "poststack-debian-123")
	require.NoError(t, os.MkdirAll(filepath.Join(left, "tmp"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(d.Cache, "locks"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(d.Cache, "locks", "bootstrap.dir"), []byte(left), 0o600))
	_, err := d.Resolve(t.Context(), event.Reporter{})
	require.NoError(t, err)
	assert.NoDirExists(t, left)
}

func TestSweep(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	bootstrap, lock := filepath.Join(t.TempDir(), "poststack-debian-123"), filepath.Join(cache, "locks", "bootstrap.lock")
	staged := filepath.Join(cache, "staging", "poststack-context-999999999-1-2")
	for _, dir := range []string{bootstrap, staged, filepath.Dir(lock)} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(cache, "locks", "bootstrap.dir"), []byte(bootstrap), 0o600))
	held := flock.New(lock)
	require.NoError(t, held.Lock())
	image.Sweep(cache)
	assert.NoDirExists(t, staged)
	assert.DirExists(t, bootstrap, "it is under way")
	require.NoError(t, held.Close())
	image.Sweep(cache)
	assert.NoDirExists(t, bootstrap)
	assert.NoFileExists(t, filepath.Join(cache, "locks", "bootstrap.dir"))
}

func TestResolve_does_not_wait_for_a_silent_registry(t *testing.T) {
	t.Parallel()
	d := debian(t, silentRegistry{enginetest.NewFake()}, &bootstrapper{fail: runner.ErrNotFound})
	d.Timeout = 20 * time.Millisecond
	_, err := d.Resolve(t.Context(), event.Reporter{})
	require.ErrorContains(t, err, `pull image "docker.io/library/debian:bookworm-slim": no answer within 20ms`)
}

// silentRegistry is an engine whose registry never answers.
type silentRegistry struct{ *enginetest.Fake }

func (silentRegistry) ImagePull(ctx context.Context, _ engine.Ref) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestSources(t *testing.T) {
	t.Parallel()
	const key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
	for _, tc := range []struct {
		name  string
		suite image.Suite
		files map[string]string
		want  []string
	}{
		{
			"another suite comes from the same mirrors", "trixie",
			map[string]string{"etc/apt/sources.list.d/debian.sources": debianSources},
			[]string{
				"http://mirror.example.org/debian trixie main non-free-firmware",
				"http://mirror.example.org/debian trixie-updates main non-free-firmware",
				"http://mirror.example.org/debian-security trixie-security main",
			},
		},
		{"one-line sources", "bookworm", map[string]string{"etc/apt/sources.list": `
# deb http://old.debian.org/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ` +
			`https://mirror.example/debian/ bookworm main contrib # a
deb-src https://mirror.example/debian/ bookworm main
deb	http://security.debian.org/debian-security bookworm-security main
`}, []string{
			"https://mirror.example/debian/ bookworm main contrib",
			"http://security.debian.org/debian-security bookworm-security main",
		}},
		{"the wanted suite alone where there are several", "trixie", map[string]string{
			"etc/apt/sources.list": "deb http://mirror.example.org/debian bookworm main\n" +
				"deb http://mirror.example.org/debian trixie main\n",
		}, []string{"http://mirror.example.org/debian trixie main"}},
		{"others' sources are left out", "bookworm", map[string]string{
			"etc/apt/sources.list.d/a.sources": debianSources,
			"etc/apt/sources.list.d/b.sources": "Types: deb\nURIs: https://deb.nodesource.com/node_20.x\nSuites: " +
				"nodistro\nComponents: main\nSigned-By: /usr/share/keyrings/nodesource.gpg\n",
			"etc/apt/sources.list.d/c.list": "deb https://packages.cloud.google.com/apt cloud-sdk-bookworm main\n" +
				"deb [signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian bookworm stable\n" +
				"deb [signed-by=/usr/share/keyrings/hashicorp.gpg] https://apt.releases.hashicorp.com bookworm main\n" +
				"deb https://packagecloud.example/some/debian bookworm main\n" +
				"deb http://apt.postgresql.org/pub/repos/apt bookworm-pgdg main\n",
		}, []string{
			"http://mirror.example.org/debian bookworm main non-free-firmware",
			"http://mirror.example.org/debian bookworm-updates main non-free-firmware",
			"http://mirror.example.org/debian-security bookworm-security main",
		}},
		{
			"a mirror without a key named", "bookworm",
			map[string]string{"etc/apt/sources.list": "deb http://mirror.local/pub/debian bookworm main\n"},
			[]string{"http://mirror.local/pub/debian bookworm main"},
		},
		{"a mirror beside Debian's own security archive", "bookworm", map[string]string{"etc/apt/sources.list": "deb " +
			"http://mirror.local/debian bookworm main\ndeb http://security.debian.org/debian-security bookworm-security " +
			"main\n"}, []string{
			"http://mirror.local/debian bookworm main", "http://security.debian.org/debian-security bookworm-security main",
		}},
		{"disabled entries are left out", "bookworm", map[string]string{
			"etc/apt/sources.list":             "deb http://mirror.example.org/debian bookworm main\n",
			"etc/apt/sources.list.d/x.sources": strings.ReplaceAll(debianSources, "Types:", "Enabled: no\nTypes:"),
		}, []string{"http://mirror.example.org/debian bookworm main"}},
		{"several addresses in one field", "bookworm", map[string]string{
			"etc/apt/sources.list.d/x.sources": "Types: deb\nURIs: http://a.debian.org/debian\n " +
				"http://b.debian.org/debian\nSuites: bookworm\nComponents: main\n",
		}, []string{"http://a.debian.org/debian bookworm main", "http://b.debian.org/debian bookworm main"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := image.Debian{Suite: tc.suite, Root: debianHost(t, tc.files)}.Sources()
			require.NoError(t, err)
			var want []string
			for _, w := range tc.want {
				want = append(want, "deb "+key+w)
			}
			assert.Equal(t, want, got)
		})
	}
	t.Run("without Debian's keys there are none", func(t *testing.T) {
		t.Parallel()
		_, err := image.Debian{Suite: "bookworm", Root: tree(t,
			map[string]string{"etc/apt/sources.list": "deb http://mirror.example.org/debian bookworm main\n"})}.Sources()
		require.ErrorContains(t, err, "debian-archive-keyring")
	})
}

func TestBootstrap_starts_nothing_without_a_watchdog(t *testing.T) {
	temp := t.TempDir() // of this test alone: others bootstrap beside it
	t.Setenv("TMPDIR", temp)
	e, boot, broken := enginetest.NewFake(), &bootstrapper{}, errors.New("no shell")
	e.OnCall = func(method, _ string) error {
		if method == "Guard" {
			return broken
		}
		return nil
	}
	_, err := debian(t, e, boot).Resolve(t.Context(), event.Reporter{})
	require.ErrorContains(t, err, broken.Error())
	entries, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestProxyEnvironment(t *testing.T) {
	t.Parallel()
	plain, secret := `Acquire::http::Proxy "http://proxy:3142";`, `Acquire::HTTPS::Proxy "http://u:p@proxy:3142";`
	for _, tc := range []struct {
		name                string
		settings, open, env []string
		err                 string
	}{
		{"without a password settings stay", []string{plain, "x"}, []string{plain, "x"}, nil, ""},
		{
			"one of two has a password",
			[]string{plain, "x", secret},
			[]string{"x"},
			[]string{"http_proxy=http://proxy:3142", "https_proxy=http://u:p@proxy:3142"},
			"",
		},
		{
			"a user's name alone is as private",
			[]string{`Acquire::http::Proxy "http://token@proxy";`},
			nil,
			[]string{"http_proxy=http://token@proxy", "https_proxy=http://token@proxy"},
			"",
		},
		{
			"an @ in a path is none",
			[]string{`Acquire::http::Proxy "http://proxy/a@b";`},
			[]string{`Acquire::http::Proxy "http://proxy/a@b";`},
			nil, "",
		},
		{
			"one for a single host",
			[]string{`Acquire::http::Proxy::deb.debian.org "http://u:p@proxy";`},
			nil, nil, "apt's setting Acquire::http::Proxy::deb.debian.org has a password",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			open, env, err := image.ProxyEnvironment(tc.settings)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				assert.NotContains(t, err.Error(), "u:p")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.open, open)
			assert.Equal(t, tc.env, env)
		})
	}
}

func TestSources_refuse_a_password(t *testing.T) {
	t.Parallel()
	d := debian(t, enginetest.NewFake(), &bootstrapper{})
	d.Root = debianHost(t,
		map[string]string{"etc/apt/sources.list": "deb http://u:secret@mirror.example.org/debian bookworm main\n"})
	_, err := d.Sources()
	require.ErrorContains(t, err, `the package source "http://u:xxxxx@mirror.example.org/debian" has a password`)
}
