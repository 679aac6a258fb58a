package image_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/runner"
)

// tgz packs path, content, path, content… in this order.
func tgz(t *testing.T, entries ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zipped := gzip.NewWriter(&buf)
	w := tar.NewWriter(zipped)
	for i := 0; i < len(entries); i += 2 {
		require.NoError(t,
			w.WriteHeader(&tar.Header{Name: entries[i], Mode: 0o600, Size: int64(len(entries[i+1])), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(entries[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, errors.Join(w.Close(), zipped.Close()))
	return buf.Bytes()
}

func zipped(t *testing.T, entries ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(entries); i += 2 {
		f, err := w.Create(entries[i])
		require.NoError(t, err)
		_, err = f.Write([]byte(entries[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// serve answers every request with h and counts them.
func serve(t *testing.T, h http.HandlerFunc) (base string, count *atomic.Int32) {
	t.Helper()
	count = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, count
}

func content(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Unix(1e9, 0), bytes.NewReader(data))
	}
}

// tool is an artifact of two files, "jar a" and "jar b".
func tool(sources ...image.Source) image.Artifact {
	return image.Artifact{Name: "tool", Version: "1.2.3", Sources: sources, Files: []image.ArtifactFile{
		{Path: "lib/a.jar", SHA256: sha("jar a"), To: "artifacts/a.jar"},
		{Path: "lib/b.jar", SHA256: sha("jar b"), To: "artifacts/b.jar"},
	}}
}

func noRunner(t *testing.T) runner.Runner {
	return runner.Func(func(_ context.Context, c runner.Command) (runner.Result, error) {
		t.Errorf("unexpected command %s %v", c.Program, c.Args)
		return runner.Result{}, errors.New("unexpected")
	})
}

// requireTool checks that got is the tool, whole, and that nothing else is in the cache.
func requireTool(t *testing.T, cache string, got map[string]string) {
	t.Helper()
	require.Len(t, got, 2)
	for to, want := range map[string]string{"artifacts/a.jar": "jar a", "artifacts/b.jar": "jar b"} {
		data, err := os.ReadFile(got[to])
		require.NoError(t, err)
		assert.Equal(t, want, string(data))
		info, err := os.Stat(got[to])
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o644), info.Mode())
	}
	assert.Len(t, entries(t, filepath.Join(cache, "artifacts")), 2)
}

// entries lists the names in dir; none when there is no dir.
func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

func TestFetch_from_archives(t *testing.T) {
	t.Parallel()
	files := []string{
		"tool-1/README", "x", "tool-1/lib/a.jar", "jar a", "tool-1/lib/b.jar", "jar b", "tool-1/otherlib/a.jar", "other",
	}
	for _, tc := range []struct {
		name string
		data []byte
	}{{"tool.tar.gz", tgz(t, files...)}, {"tool.tgz", tgz(t, files...)}, {"tool.zip", zipped(t, files...)}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			base, count := serve(t, content(tc.data))
			f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
			got, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/dl/" + tc.name}))
			require.NoError(t, err)
			requireTool(t, f.Cache, got)
			assert.Empty(t, entries(t, filepath.Join(f.Cache, "downloads")), "the archive is not kept")

			again, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/dl/" + tc.name}))
			require.NoError(t, err)
			assert.Equal(t, got, again)
			assert.EqualValues(t, 1, count.Load(), "the second time nothing is asked for")
		})
	}
}

func TestFetch_of_one_plain_file(t *testing.T) {
	t.Parallel()
	base, _ := serve(t, content([]byte("jar a")))
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	a := image.Artifact{
		Name: "a", Sources: []image.Source{{URL: base + "/a.jar"}},
		Files: []image.ArtifactFile{{Path: "a.jar", SHA256: sha("jar a"), To: "a.jar"}},
	}
	got, err := f.Fetch(t.Context(), a)
	require.NoError(t, err)
	assert.FileExists(t, got["a.jar"])
}

func TestFetch_replaces_a_damaged_cache(t *testing.T) {
	t.Parallel()
	base, count := serve(t, content(tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "jar b")))
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	a := tool(image.Source{URL: base + "/tool.tgz"})
	got, err := f.Fetch(t.Context(), a)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(got["artifacts/a.jar"], []byte("damaged"), 0o600))
	got, err = f.Fetch(t.Context(), a)
	require.NoError(t, err)
	requireTool(t, f.Cache, got)
	assert.EqualValues(t, 2, count.Load())
}

func TestFetch_refuses_a_wrong_hash(t *testing.T) {
	t.Parallel()
	base, _ := serve(t, content(tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "evil")))
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	_, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.ErrorContains(t, err, `tool.tgz: sha256 of "lib/b.jar" is `+sha("evil")+", want "+sha("jar b"))
	for _, part := range []string{base + "/tool.tgz", "lib/b.jar", sha("jar b"), sha("evil"), "POSTSTACK_ARTIFACTS"} {
		assert.ErrorContains(t, err, part)
	}
	assert.Equal(t, []string{sha("jar a")}, entries(t, filepath.Join(f.Cache, "artifacts")),
		"only what has its hash is kept")
}

func TestFetch_refuses_a_path_that_fits_twice(t *testing.T) {
	t.Parallel()
	base, _ := serve(t, content(tgz(t, "x/lib/a.jar", "jar a", "y/lib/a.jar", "jar a", "lib/b.jar", "jar b")))
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	_, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.ErrorContains(t, err, `holds both "x/lib/a.jar" and "y/lib/a.jar"`)
	assert.Empty(t, entries(t, filepath.Join(f.Cache, "artifacts")))
}

func TestFetch_tells_what_an_archive_lacks(t *testing.T) {
	t.Parallel()
	base, _ := serve(t, content(tgz(t, "lib/a.jar", "jar a")))
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	_, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.ErrorContains(t, err, `tool.tgz holds no "lib/b.jar"`)
}

// npm is a runner that packs data where npm pack would.
func npm(t *testing.T, data []byte) runner.Runner {
	return runner.Func(func(_ context.Context, c runner.Command) (runner.Result, error) {
		assert.Equal(t, "npm", c.Program)
		assert.Equal(t, []string{"pack", "tool@1.2.3", "--ignore-scripts"}, c.Args[:3])
		return runner.Result{}, os.WriteFile(filepath.Join(c.Dir, "tool-1.2.3.tgz"), data, 0o600)
	})
}

func TestFetch_goes_on_to_the_next_source(t *testing.T) {
	t.Parallel()
	base, count := serve(t, http.NotFound)
	f := image.Fetcher{
		Cache: t.TempDir(), Runner: npm(t, tgz(t, "package/lib/a.jar", "jar a", "package/lib/b.jar", "jar b")),
	}
	got, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}, image.Source{NPM: "tool@1.2.3"}))
	require.NoError(t, err)
	requireTool(t, f.Cache, got)
	assert.EqualValues(t, 1, count.Load(), "404 is not tried again")
	assert.Empty(t, entries(t, filepath.Join(f.Cache, "downloads")))
}

// dripping gives a file in small pieces, with a pause before each.
func dripping(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		for i := range data {
			if i%10 == 0 {
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
			_, _ = w.Write(data[i : i+1])
		}
	}
}

func TestFetch_leaves_a_slow_source_for_another(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 1000)
	_, _ = rand.Read(noise)
	data := tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "jar b", "filler", string(noise))
	for name, c := range map[string]struct {
		other  http.HandlerFunc
		slowly int32 // how often the slow one is asked
	}{
		"a fast one":                   {content(data), 1},
		"none":                         {nil, 1},
		"one that does not have it":    {http.NotFound, 2},
		"one that is just as slow":     {dripping(data), 1},
		"one that has something else":  {content([]byte("nothing")), 2},
		"one that breaks off each try": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow, asked := serve(t, dripping(data))
			sources := []image.Source{{URL: slow + "/tool.tgz"}}
			if c.other != nil {
				other, _ := serve(t, c.other)
				sources = append(sources, image.Source{URL: other + "/tool.tgz"})
			}
			f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t), Stall: 200 * time.Millisecond}
			got, err := f.Fetch(t.Context(), tool(sources...))
			require.NoError(t, err)
			requireTool(t, f.Cache, got)
			assert.Equal(t, c.slowly, asked.Load())
		})
	}
}

func TestFetch_completes_from_the_next_source(t *testing.T) {
	t.Parallel()
	base, _ := serve(t, content(tgz(t, "lib/a.jar", "jar a")))
	f := image.Fetcher{
		Cache: t.TempDir(), Runner: npm(t, tgz(t, "package/lib/a.jar", "other", "package/lib/b.jar", "jar b")),
	}
	got, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}, image.Source{NPM: "tool@1.2.3"}))
	require.NoError(t, err)
	requireTool(t, f.Cache, got)
}

func TestFetch_lists_every_source_that_failed(t *testing.T) {
	t.Parallel()
	base, _ := serve(t, http.NotFound)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	f := image.Fetcher{
		Cache: t.TempDir(), Local: t.TempDir(),
		Runner: runner.Func(func(context.Context, runner.Command) (runner.Result, error) {
			return runner.Result{}, &runner.ExitError{
				Argv: []string{"npm", "pack"}, Code: 1, Tail: "npm error code ETARGET\nnpm error notarget No matching version",
			}
		}),
	}
	start := time.Now()
	_, err := f.Fetch(t.Context(), tool(image.Source{URL: closed.URL + "/tool.tgz"}, image.Source{URL: base + "/tool.tgz"},
		image.Source{NPM: "tool@1.2.3"}))
	for _, part := range []string{
		f.Local + ": neither the files nor an archive", closed.URL, "connection refused", "404 Not Found",
		"npm package tool@1.2.3: npm: exit status 1: code ETARGET; notarget No matching version",
		"put tool.tgz or tool.tgz or tool-1.2.3.tgz into a directory, and name it in POSTSTACK_ARTIFACTS",
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.Less(t, time.Since(start), time.Minute)
}

func TestFetch_from_the_local_directory(t *testing.T) {
	t.Parallel()
	archive := string(tgz(t, "package/lib/a.jar", "jar a", "package/lib/b.jar", "jar b"))
	for _, tc := range []struct {
		name  string
		files map[string]string
	}{
		{"whole paths", map[string]string{"tool/lib/a.jar": "jar a", "tool/lib/b.jar": "jar b"}},
		{"file names", map[string]string{"a.jar": "jar a", "tool/b.jar": "jar b"}},
		{"the archive of the address", map[string]string{"tool.tgz": archive}},
		{"the archive of npm", map[string]string{"scope-tool-1.2.3.tgz": archive}},
		{"one file and the archive", map[string]string{"a.jar": "jar a", "tool.tgz": archive}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := image.Fetcher{Cache: t.TempDir(), Local: tree(t, tc.files), Runner: noRunner(t)}
			got, err := f.Fetch(t.Context(),
				tool(image.Source{URL: "http://127.0.0.1:1/tool.tgz"}, image.Source{NPM: "@scope/tool@1.2.3"}))
			require.NoError(t, err)
			requireTool(t, f.Cache, got)
		})
	}
}

func TestFetch_tells_a_wrong_local_file(t *testing.T) {
	t.Parallel()
	f := image.Fetcher{Cache: t.TempDir(), Local: tree(t, map[string]string{"a.jar": "evil"}), Runner: noRunner(t)}
	_, err := f.Fetch(t.Context(), tool())
	require.ErrorContains(t, err, "is "+sha("evil")+", want ")
}

func TestFetch_resumes(t *testing.T) {
	t.Parallel()
	data := tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "jar b", "filler", strings.Repeat(sha("x"), 100))
	var mu sync.Mutex
	var ranges []string
	base, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		ranges = append(ranges, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
		first := len(ranges) == 1
		mu.Unlock()
		w.Header().Set("ETag", `"v1"`)
		if !first {
			content(data)(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = w.Write(data[:100])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler) // the connection breaks
	})
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	got, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.NoError(t, err)
	requireTool(t, f.Cache, got)
	assert.Equal(t, []string{" ", `bytes=100- "v1"`}, ranges)
}

func TestFetch_starts_anew_when_the_file_has_changed(t *testing.T) {
	t.Parallel()
	data := tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "jar b")
	var count atomic.Int32
	base, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) == 1 {
			w.Header().Set("ETag", `"v1"`)
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("the old version's beginning"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("ETag", `"v2"`)
		content(data)(w, r) // If-Range does not fit: all of it
	})
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	got, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.NoError(t, err)
	requireTool(t, f.Cache, got)
}

func TestFetch_tries_again_after_a_server_error(t *testing.T) {
	t.Parallel()
	data := tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "jar b")
	var count atomic.Int32
	base, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		content(data)(w, r)
	})
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	got, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.NoError(t, err)
	requireTool(t, f.Cache, got)
}

func TestFetch_gives_up_after_some_tries(t *testing.T) {
	t.Parallel()
	base, count := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	_, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
	require.ErrorContains(t, err, "503 Service Unavailable")
	assert.EqualValues(t, 4, count.Load())
}

func TestFetch_ends_with_its_context(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	release := make(chan struct{})
	base, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("a part"))
		w.(http.Flusher).Flush()
		cancel(stop)
		<-release
	})
	t.Cleanup(func() { close(release) })
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	_, err := f.Fetch(ctx, tool(image.Source{URL: base + "/tool.tgz"}, image.Source{NPM: "tool@1.2.3"}))
	require.ErrorIs(t, err, stop)
}

func TestFetch_side_by_side_downloads_once(t *testing.T) {
	t.Parallel()
	base, count := serve(t, content(tgz(t, "lib/a.jar", "jar a", "lib/b.jar", "jar b")))
	f := image.Fetcher{Cache: t.TempDir(), Runner: noRunner(t)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := f.Fetch(t.Context(), tool(image.Source{URL: base + "/tool.tgz"}))
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, count.Load())
}
