package bench_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// probe gives the values one after the other, and notes its turns in order.
func probe(what string, order *[]string, values ...float64) *Probe {
	next := 0
	return &Probe{What: what, Measure: func(context.Context) (float64, error) {
		*order = append(*order, what)
		next++
		return values[next-1], nil
	}}
}

func TestRow_Measure(t *testing.T) {
	t.Parallel()
	var order []string
	row := Row{
		Name: "work", Engine: "podman", Unit: Seconds, Goal: 0.5,
		Ours: probe("ours", &order, 3, 4, 6), OursFloor: probe("floor", &order, 1, 1, 1),
		Peer: probe("peer", &order, 10, 12, 10),
	}
	m, err := row.Measure(t.Context(), 3)
	require.NoError(t, err)
	assert.Equal(t, []string{"ours", "floor", "peer", "peer", "floor", "ours", "ours", "floor", "peer"}, order, "by turns")
	assert.Equal(t, []float64{0.2, 0.25, 0.5}, m.Ratio.Values, "pair by pair, above the floor")
	assert.InDelta(t, 0.25, m.Ratio.Median, 1e-9)
	assert.InDelta(t, 3, m.Ours.Min, 0)
	assert.InDelta(t, 6, m.Ours.Max, 0)
	met, decided := m.Met()
	assert.True(t, met)
	assert.True(t, decided)
	assert.NotEmpty(t, m.Notes, "three values are too few for the confidence, and that is said")
}

func TestRow_Measure_in_the_noise(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ours, oursFloor, peer, peerFloor, ratios []float64
		undecided, note                          string
	}{
		"a peer that took less than its floor": {
			[]float64{3, 3, 3},
			[]float64{1, 1, 1},
			[]float64{2, 5, 1},
			[]float64{2, 1, 3},
			[]float64{0.5},
			"", "2 of 3 pairs are left out: a side did not rise above its floor",
		},
		"ours took less than its floor": {
			[]float64{1, 3},
			[]float64{2, 1},
			[]float64{5, 5},
			[]float64{1, 1},
			[]float64{0.5},
			"", "1 of 2 pairs are left out: a side did not rise above its floor",
		},
		"no pair is left": {
			[]float64{3},
			[]float64{1},
			[]float64{2},
			[]float64{2},
			nil, "in no pair did both sides rise above their floors", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var order []string
			m, err := Row{
				Name: "work", Engine: "docker", Unit: Seconds, Goal: 1,
				Ours: probe("ours", &order, tc.ours...), OursFloor: probe("floor", &order, tc.oursFloor...),
				Peer: probe("peer", &order, tc.peer...), PeerFloor: probe("floor", &order, tc.peerFloor...),
			}.Measure(t.Context(), len(tc.ours))
			require.NoError(t, err)
			assert.Equal(t, tc.undecided, m.Undecided)
			result := Result{Rows: []Measured{m}}
			_, err = json.Marshal(result)
			require.NoError(t, err, "JSON knows neither NaN nor infinity")
			if tc.ratios == nil {
				assert.Nil(t, m.Ratio)
				_, decided := m.Met()
				assert.False(t, decided)
				assert.Equal(t, "undecided", result.Table()[0][8])
				assert.Equal(t, []string{"undecided, since " + tc.undecided + ": work (docker)"}, result.Notes()[:1])
				assert.Empty(t, Regressions(result, result))
				return
			}
			assert.Equal(t, tc.ratios, m.Ratio.Values)
			assert.Equal(t, tc.note+": work (docker)", result.Notes()[0])
		})
	}
}

func TestRow_Measure_a_peer_that_breaks(t *testing.T) {
	t.Parallel()
	var order []string
	turns := 0
	peer := Timed("compose", func(context.Context) error {
		if turns++; turns == 2 {
			return errors.New("no room\n  left")
		}
		return nil
	}, func(context.Context) error { return nil })
	m, err := Row{
		Name: "work", Unit: Seconds, Goal: 1, Ours: probe("ours", &order, 1, 2, 3), Peer: peer,
		PeerFloor: probe("floor", &order, 1, 2, 3),
	}.Measure(t.Context(), 3)
	require.NoError(t, err)
	assert.Equal(t, []float64{1, 2, 3}, m.Ours.Values, "ours goes on")
	assert.Equal(t, "compose: prepare: no room left", m.Missing)
	assert.Nil(t, m.Peer)
	assert.Nil(t, m.PeerFloor)
	assert.Nil(t, m.Ratio)
}

func TestReason(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a b", Reason(errors.New("a\n\tb")))
	assert.Len(t, []rune(Reason(errors.New(strings.Repeat("ö", 500)))), 160)
}

func TestRow_Measure_without_a_peer(t *testing.T) {
	t.Parallel()
	var order []string
	row := Row{Name: "size", Unit: Megabytes, Goal: 400, Ours: probe("image", &order, 405)}
	m, err := row.Measure(t.Context(), 1)
	require.NoError(t, err)
	met, decided := m.Met()
	assert.False(t, met)
	assert.True(t, decided)

	row = Row{Name: "setup", Goal: 0.3, Missing: "docker compose is not installed", Ours: probe("ours", &order, 1)}
	m, err = row.Measure(t.Context(), 1)
	require.NoError(t, err)
	_, decided = m.Met()
	assert.False(t, decided, "what cannot be compared is neither met nor missed")
}

func TestRow_Measure_failures(t *testing.T) {
	t.Parallel()
	broken := errors.New("no room")
	row := Row{Name: "work", Ours: Timed("ours", nil, func(context.Context) error { return broken })}
	m, err := row.Measure(t.Context(), 1)
	require.ErrorIs(t, err, broken)
	require.EqualError(t, err, `measure "work", ours: no room`)
	assert.Equal(t, "no room", m.Failed)
	_, decided := m.Met()
	assert.False(t, decided)
	assert.Equal(t, []string{"work", "", "failed: no room", "", "", "", "", "", "failed"},
		Result{Rows: []Measured{m}}.Table()[0])

	row.Ours.Prepare = func(context.Context) error { return errors.New("no image") }
	_, err = row.Measure(t.Context(), 1)
	require.EqualError(t, err, `measure "work", ours: prepare: no image`)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(broken)
	_, err = row.Measure(ctx, 1)
	require.ErrorIs(t, err, broken)
}

// measured is a row with that ratio in eight rounds, with some noise.
func measured(t *testing.T, name string, ratio float64) Measured {
	t.Helper()
	var order []string
	var ours, peer []float64
	for i := range 8 {
		ours, peer = append(ours, ratio*(1+float64(i%4)/100)), append(peer, 1)
	}
	m, err := Row{
		Name: name, Engine: "docker", Unit: Seconds, Goal: 0.3,
		Ours: probe("ours", &order, ours...), Peer: probe("compose", &order, peer...),
	}.Measure(t.Context(), 8)
	require.NoError(t, err)
	return m
}

func TestRegressions(t *testing.T) {
	t.Parallel()
	before := Result{Rows: []Measured{measured(t, "same", 0.2), measured(t, "worse", 0.2), measured(t, "better", 0.2)}}
	now := Result{Rows: []Measured{
		measured(t, "same", 0.201), measured(t, "worse", 0.3), measured(t, "better", 0.1), measured(t, "new", 9),
	}}
	found := Regressions(before, now)
	require.Len(t, found, 1)
	assert.Equal(t, "worse on docker: 0.304, was 0.203", found[0].String())
}

func TestResult_Table(t *testing.T) {
	t.Parallel()
	var order []string
	missing, err := Row{
		Name: "warm", Engine: "podman", Unit: Seconds, Goal: 0.03, Missing: "docker compose is not there",
		Ours: probe("setup", &order, 0.5), OursFloor: probe("no-op", &order, 0.4),
	}.Measure(t.Context(), 1)
	require.NoError(t, err)
	rows := Result{Rows: []Measured{measured(t, "work", 0.2), missing}}.Table()
	assert.Equal(t, [][]string{
		{
			"work", "docker", "0.200 / 0.203 / 0.206 s", "",
			"compose: 1.00 / 1.00 / 1.00 s", "", "0.200 / 0.203 / 0.206", "≤ 0.300", "met",
		},
		{
			"warm", "podman", "0.500 / 0.500 / 0.500 s", "no-op: 0.400 s",
			"missing: docker compose is not there", "", "", "≤ 0.030", "undecided",
		},
	}, rows)
	assert.Len(t, Header(), len(rows[0]))
}

func TestResult_Chart(t *testing.T) {
	t.Parallel()
	now := Result{Rows: []Measured{measured(t, "a <b> & c", 0.2), measured(t, "slow", 9)}}
	svg, err := now.Chart(Result{Rows: []Measured{measured(t, "a <b> & c", 0.25)}})
	require.NoError(t, err)
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, "well-formed")
	}
	assert.Contains(t, svg, "a &lt;b&gt; &amp; c, docker")
	assert.Contains(t, svg, "class=\"missed\"")
	assert.Contains(t, svg, "0.203, goal 0.300")
}
