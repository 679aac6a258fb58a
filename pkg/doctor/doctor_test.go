package doctor_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/poststack/poststack/pkg/doctor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// states are those of what a check sees.
func states(found []doctor.Finding) []doctor.State {
	var out []doctor.State
	for _, f := range found {
		out = append(out, f.State)
	}
	return out
}

func TestRun_isBounded(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	hangs := doctor.Check{Name: "hangs", Look: func(context.Context) []doctor.Finding { <-never; return nil }}
	fine := doctor.Check{Name: "fine", Look: func(context.Context) []doctor.Finding {
		return []doctor.Finding{{State: doctor.OK, Seen: "good"}}
	}}
	start := time.Now()
	found := doctor.Run(t.Context(), 10*time.Millisecond, hangs, fine)
	assert.Less(t, time.Since(start), time.Minute)
	assert.Equal(t, []doctor.State{doctor.Warning, doctor.OK}, states(found))
	assert.Equal(t, "hangs", found[0].Check)
	assert.Equal(t, "fine", found[1].Check, "one that hangs takes nothing from the others")
}

func TestMend(t *testing.T) {
	t.Parallel()
	fix := func(text string, err error) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return text, err }
	}
	out := doctor.Mend(t.Context(), []doctor.Finding{
		{State: doctor.Problem, Remedy: "do it", Fix: fix("did it", nil)},
		{State: doctor.Problem, Remedy: "do it", Seen: "x", Fix: fix("", errors.New("no"))},
		{State: doctor.Problem, Remedy: "do it"},
		{State: doctor.OK, Fix: fix("never", errors.New("never"))},
	})
	assert.Equal(t, []doctor.State{doctor.OK, doctor.Problem, doctor.Problem, doctor.OK}, states(out))
	assert.Equal(t, "did it", out[0].Fixed)
	assert.Empty(t, out[0].Remedy)
	assert.Equal(t, "x; mending it: no", out[1].Seen)
	assert.Equal(t, 2, doctor.Count(out, doctor.Problem))
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for want, hard := range map[doctor.State]uint64{doctor.OK: 1 << 20, doctor.Warning: 1023, doctor.Problem: 100} {
		found := doctor.Limits(func(int) (uint64, error) { return hard, nil }).Look(t.Context())
		assert.Contains(t, states(found), want, "%d", hard)
	}
	assert.NotEmpty(t, doctor.Limits(nil).Look(t.Context()), "of this machine")
}

func TestCgroups(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	uid := 0
	look := func(runc bool) doctor.State { return doctor.Cgroups(root, runc, uid).Look(t.Context())[0].State }
	assert.Equal(t, doctor.Problem, look(true), "none are mounted")
	dir := filepath.Join(root, "sys", "fs", "cgroup")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "memory"), 0o755))
	assert.Equal(t, doctor.OK, look(true))
	assert.Equal(t, doctor.Warning, look(false))
	uid = 1000
	assert.Equal(t, doctor.Warning, look(true), "nothing limits rootless containers")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "cgroup.controllers"), nil, 0o644))
	assert.Equal(t, doctor.OK, look(false), "version 2")
}

func TestSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	places := []doctor.Place{{What: "cache", Path: filepath.Join(dir, "not", "yet")}}
	for want, left := range map[doctor.State]uint64{
		doctor.OK: 50 << 30, doctor.Warning: 3 << 30, doctor.Problem: 1 << 20,
	} {
		found := doctor.Space(places, func(path string) (uint64, error) {
			assert.Equal(t, dir, path, "the nearest one that exists")
			return left, nil
		}).Look(t.Context())
		assert.Equal(t, []doctor.State{want}, states(found))
		assert.Equal(t, want == doctor.OK, found[0].Remedy == "")
	}
	found := doctor.Space(places, func(string) (uint64, error) { return 0, errors.New("stale handle") }).Look(t.Context())
	assert.Equal(t, []doctor.State{doctor.Warning}, states(found))
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	look := func(ours bool) []doctor.Finding {
		return doctor.Permissions([]doctor.Secret{{What: "password", Path: file, Mode: 0o600, Ours: ours}},
			nil).Look(t.Context())
	}
	assert.Equal(t, []doctor.State{doctor.OK}, states(look(true)))
	require.NoError(t, os.Chmod(file, 0o644))
	found := look(false)
	assert.Equal(t, []doctor.State{doctor.Problem}, states(found))
	assert.Equal(t, "chmod 0600 "+file, found[0].Remedy)
	assert.Nil(t, found[0].Fix, "a file of the user's is left alone")

	assert.Equal(t, []doctor.State{doctor.OK}, states(doctor.Mend(t.Context(), look(true))))
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	places := []doctor.Place{{What: "logs", Path: dir}, {What: "cache", Path: filepath.Join(dir, "none")}}
	assert.Equal(t, []doctor.State{doctor.OK}, states(doctor.Permissions(nil, places).Look(t.Context())),
		"what is not there yet is well")
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	ahead := time.Duration(0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	look := func(n doctor.Network) map[string][]doctor.State {
		n.Client = server.Client()
		out := map[string][]doctor.State{}
		for _, c := range n.Checks() {
			out[c.Name] = states(c.Look(t.Context()))
		}
		return out
	}
	ok, warning := []doctor.State{doctor.OK}, []doctor.State{doctor.Warning}
	assert.Equal(t, map[string][]doctor.State{"name service": ok, "package mirror": ok, "clock": ok},
		look(doctor.Network{}), "without a mirror")
	assert.Equal(t, map[string][]doctor.State{"name service": ok, "package mirror": ok, "clock": ok},
		look(doctor.Network{Mirrors: []string{server.URL + "/x"}}))
	ahead = time.Hour
	assert.Equal(t, warning, look(doctor.Network{Mirrors: []string{server.URL + "/x"}})["clock"], "behind")
	ahead = -time.Hour
	assert.Equal(t, warning, look(doctor.Network{Mirrors: []string{server.URL + "/x"}})["clock"], "ahead")
	assert.Equal(t, warning, look(doctor.Network{Mirrors: []string{server.URL + "/gone"}})["package mirror"])

	lookup := func(_ context.Context, host string) ([]string, error) {
		if host == "good.example" {
			return []string{"192.0.2.1"}, nil
		}
		return nil, errors.New("no such host")
	}
	for host, want := range map[string][]doctor.State{"good.example": ok, "bad.example": warning} {
		n := doctor.Network{Mirrors: []string{"http://" + host + "/debian"}, Lookup: lookup, Client: server.Client()}
		assert.Equal(t, want, states(n.Checks()[0].Look(t.Context())), host)
	}
}

func TestMend_that_hangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hangs := doctor.Finding{
			Check: "lock", State: doctor.Problem, Seen: "set", Fix: func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			},
		}
		out := doctor.Mend(t.Context(), []doctor.Finding{hangs})
		assert.Equal(t, doctor.Problem, out[0].State)
		assert.Equal(t, "set; mending it: it did not end within 30s", out[0].Seen)
	})
}
