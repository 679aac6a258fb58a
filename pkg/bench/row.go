// Package bench compares Poststack with what people use for the same work. Machines differ and so do minutes:
// only what was measured by turns in one run is compared, pair by pair, and only ratios are kept.
package bench

import (
	"context"
	"fmt"
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
	Notes     []string `json:"notes,omitempty"` // what the statistics warn of
}

// Measure runs the row's probes n times by turns. The order changes from round to round, so that neither side
// always comes second.
func (r Row) Measure(ctx context.Context, n int) (Measured, error) {
	probes := []*Probe{r.Ours, r.OursFloor, r.Peer, r.PeerFloor}
	values := make([][]float64, len(probes))
	for round := range n {
		for i := range probes {
			if round%2 == 1 {
				i = len(probes) - 1 - i
			}
			if probes[i] == nil {
				continue
			}
			v, err := probes[i].take(ctx)
			if err != nil {
				return Measured{}, fmt.Errorf("measure %q, %s: %w", r.Name, probes[i].What, err)
			}
			values[i] = append(values[i], v)
		}
	}
	return r.measured(values), nil
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
	m.OursFloor, m.Peer, m.PeerFloor = optional(names[1], values[1]), optional(names[2], values[2]), optional(names[3], values[3])
	if r.Peer != nil {
		ratios := make([]float64, len(values[0]))
		for i := range ratios {
			ratios[i] = above(values[0], values[1], i) / above(values[2], values[3], i)
		}
		m.Ratio = optional("ratio", ratios)
	}
	m.Notes = m.compared().warnings()
	return m
}

// compared is what Goal is about.
func (m Measured) compared() Series {
	switch {
	case m.Ratio != nil:
		return *m.Ratio
	case m.OursFloor != nil:
		own := make([]float64, len(m.Ours.Values))
		for i := range own {
			own[i] = above(m.Ours.Values, m.OursFloor.Values, i)
		}
		return series(m.Ours.What, own)
	}
	return m.Ours
}

// Met tells whether the median meets the goal. A row without a goal, or whose peer is missing, is undecided.
func (m Measured) Met() (met, decided bool) {
	if m.Goal == 0 || m.Missing != "" {
		return false, false
	}
	return m.compared().Median <= m.Goal, true
}

// above is what value i costs beyond its floor; a floor that took longer leaves nothing.
func above(values, floor []float64, i int) float64 {
	if floor == nil {
		return values[i]
	}
	return max(values[i]-floor[i], 0)
}
