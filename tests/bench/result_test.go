package bench_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/renameio/v2"
)

// Result is one run of the benchmarks.
type Result struct {
	Started  time.Time  `json:"started"`
	Revision string     `json:"revision"` // of the code; with "+" behind it when files had been changed
	Machine  Machine    `json:"machine"`
	Rounds   int        `json:"rounds"`
	Rows     []Measured `json:"rows"`
	Curves   []Curve    `json:"curves,omitempty"`   // when they were asked for
	Contents []Content  `json:"contents,omitempty"` // of the images
}

// Machine is where a result was measured.
type Machine struct {
	Processors int      `json:"processors"`
	Model      string   `json:"model"` // of the processor
	System     string   `json:"system"`
	Engines    []string `json:"engines"` // with their versions
	Load       float64  `json:"load"`    // average of the minute before: an idle machine has about 0
}

// write keeps a result, or several, as path, whole or not at all.
func write(path string, result any) error {
	data, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("write benchmarks: %w", err)
	}
	if err := renameio.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write benchmarks: %w", err)
	}
	return nil
}

// Regression is a row that got worse.
type Regression struct {
	Row, Engine string
	Before, Now Series
}

func (r Regression) String() string {
	return fmt.Sprintf("%s on %s: %s, was %s", r.Row, r.Engine, number(r.Now.Median), number(r.Before.Median))
}

// Regressions are the rows of now that are worse than in before by more than the noise seen. Only ratios and
// sizes are compared: seconds say nothing about another minute.
func Regressions(before, now Result) []Regression {
	var list []Regression
	for _, row := range now.Rows {
		old, ok := before.row(row.Name, row.Engine)
		if !ok || !row.comparable() || !old.comparable() {
			continue
		}
		if worse(old.compared(), row.compared()) {
			list = append(list, Regression{Row: row.Name, Engine: row.Engine, Before: old.compared(), Now: row.compared()})
		}
	}
	return list
}

// comparable tells whether m says something about another run.
func (m Measured) comparable() bool {
	return m.Missing == "" && m.Undecided == "" && m.Failed == "" && (m.Ratio != nil || m.Unit != Seconds)
}

func (r Result) row(name, engine string) (Measured, bool) {
	for _, m := range r.Rows {
		if m.Name == name && m.Engine == engine {
			return m, true
		}
	}
	return Measured{}, false
}
