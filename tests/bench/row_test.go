// Package bench compares Poststack with what people use for the same work. Machines differ and so do minutes:
// only what was measured by turns in one run is compared, pair by pair, and only ratios are kept.
package bench_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Unit is what a row measures.
type Unit string

// The units of measurements.
const (
	Seconds   Unit = "s"
	Megabytes Unit = "MB" // 10⁶ bytes
)

// Probe is one measurement, of ours or of a peer.
type Probe struct {
	What    string                                     // such as "docker compose up"
	Prepare func(ctx context.Context) error            // before each measurement, not measured; nil for nothing
	Measure func(ctx context.Context) (float64, error) // in the row's unit
}

// Timed is a probe of the seconds that work takes.
func Timed(what string, prepare, work func(ctx context.Context) error) *Probe {
	return &Probe{What: what, Prepare: prepare, Measure: func(ctx context.Context) (float64, error) {
		start := time.Now()
		err := work(ctx)
		return time.Since(start).Seconds(), err
	}}
}

// Row is one comparison. What is compared is (Ours − OursFloor) / (Peer − PeerFloor): a floor is what the same
// road costs when nothing is done at its end, such as the start of mage, or of an engine's empty container.
type Row struct {
	Name   string
	Engine string
	Unit   Unit

	Ours      *Probe
	OursFloor *Probe
	Peer      *Probe // nil: Ours alone is held against Goal
	PeerFloor *Probe
	Missing   string // why the peer cannot be measured, when there should be one

	Goal float64 // at most; of the ratio, or of Ours without a peer; 0 for none
}

// Measured is a row with its measurements.
type Measured struct {
	Name      string   `json:"name"`
	Engine    string   `json:"engine"`
	Unit      Unit     `json:"unit"`
	Goal      float64  `json:"goal"`
	Ours      Series   `json:"ours"`
	OursFloor *Series  `json:"ours_floor,omitempty"`
	Peer      *Series  `json:"peer,omitempty"`
	PeerFloor *Series  `json:"peer_floor,omitempty"`
	Ratio     *Series  `json:"ratio,omitempty"` // pair by pair
	Missing   string   `json:"missing,omitempty"`
	Undecided string   `json:"undecided,omitempty"` // why there is nothing to hold against the goal
	Failed    string   `json:"failed,omitempty"`    // why there is no measurement of ours
	Notes     []string `json:"notes,omitempty"`     // on the figures, such as warnings of the statistics
}

// Measure runs the row's probes n times by turns. The order changes from round to round, so that neither side
// always comes second. A peer that breaks is missing from then on, with the reason; ours goes on. When ours
// breaks, that is the error, and the row says so too.
func (r Row) Measure(ctx context.Context, n int) (Measured, error) {
	probes := []*Probe{r.Ours, r.OursFloor, r.Peer, r.PeerFloor}
	values := make([][]float64, len(probes))
	for i := range turns(len(probes), n) {
		if probes[i] == nil {
			continue
		}
		v, err := probes[i].take(ctx)
		switch {
		case err == nil:
			values[i] = append(values[i], v)
		case i >= 2 && ctx.Err() == nil:
			r.Missing, r.Peer, r.PeerFloor = Reason(fmt.Errorf("%s: %w", probes[i].What, err)), nil, nil
			probes[2], probes[3], values[2], values[3] = nil, nil, nil, nil
		default:
			return r.Broken(err), fmt.Errorf("measure %q, %s: %w", r.Name, probes[i].What, err)
		}
	}
	return r.measured(values), nil
}

// turns are the indices of that many things, once in each round, in every second round from the last to the first.
func turns(things, rounds int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for round := range rounds {
			for i := range things {
				if round%2 == 1 {
					i = things - 1 - i
				}
				if !yield(i) {
					return
				}
			}
		}
	}
}

// Broken is the row without a measurement, since ours did not come to that.
func (r Row) Broken(err error) Measured {
	return Measured{Name: r.Name, Engine: r.Engine, Unit: r.Unit, Goal: r.Goal, Failed: Reason(err)}
}

// take prepares and measures once.
func (p *Probe) take(ctx context.Context) (float64, error) {
	if err := ctx.Err(); err != nil {
		return 0, context.Cause(ctx)
	}
	if p.Prepare != nil {
		if err := p.Prepare(ctx); err != nil {
			return 0, fmt.Errorf("prepare: %w", err)
		}
	}
	return p.Measure(ctx)
}

// measured makes series of the values of ours, its floor, the peer and its floor.
func (r Row) measured(values [][]float64) Measured {
	m := Measured{Name: r.Name, Engine: r.Engine, Unit: r.Unit, Goal: r.Goal, Missing: r.Missing}
	names := []string{"", "", "", ""}
	for i, p := range []*Probe{r.Ours, r.OursFloor, r.Peer, r.PeerFloor} {
		if p != nil {
			names[i] = p.What
		}
	}
	m.Ours = series(names[0], values[0])
	m.OursFloor = optional(names[1], values[1])
	m.Peer = optional(names[2], values[2])
	m.PeerFloor = optional(names[3], values[3])
	if r.Peer != nil {
		m.compare()
	}
	m.Notes = append(m.Notes, m.compared().warnings()...)
	return m
}

// compare makes the ratios, pair by pair. A pair of which a side does not rise above its floor says nothing,
// since its difference is noise, and is left out.
func (m *Measured) compare() {
	var ratios []float64
	for i := range m.Ours.Values {
		ours, peer := m.Ours.above(m.OursFloor, i), m.Peer.above(m.PeerFloor, i)
		if ours > 0 && peer > 0 {
			ratios = append(ratios, ours/peer)
		}
	}
	m.Ratio = optional("ratio", ratios)
	all := len(m.Ours.Values)
	switch left := all - len(ratios); {
	case left == all:
		m.Undecided = "in no pair did both sides rise above their floors"
	case left > 0:
		m.Notes = append(m.Notes, fmt.Sprintf("%d of %d pairs are left out: a side did not rise above its floor", left, all))
	}
}

// compared is what Goal is about.
func (m Measured) compared() Series {
	switch {
	case m.Ratio != nil:
		return *m.Ratio
	case m.OursFloor != nil:
		own := make([]float64, len(m.Ours.Values))
		for i := range own {
			own[i] = max(m.Ours.above(m.OursFloor, i), 0)
		}
		return series(m.Ours.What, own)
	}
	return m.Ours
}

// Met tells whether the median meets the goal. A row without a goal, whose peer is missing or in which nothing
// could be compared is undecided.
func (m Measured) Met() (met, decided bool) {
	if m.Goal == 0 || m.Missing != "" || m.Undecided != "" || m.Failed != "" {
		return false, false
	}
	return m.compared().Median <= m.Goal, true
}

// above is what value i costs beyond its floor.
func (s Series) above(floor *Series, i int) float64 {
	if floor == nil {
		return s.Values[i]
	}
	return s.Values[i] - floor.Values[i]
}

// Reason is an error in one line that fits into a table.
func Reason(err error) string {
	const most = 160
	text := []rune(strings.Join(strings.Fields(err.Error()), " "))
	if len(text) > most {
		text = append(text[:most-1], '…')
	}
	return string(text)
}
