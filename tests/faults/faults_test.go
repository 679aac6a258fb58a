package faults_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/engine/enginetest"
)

// fault is a row of the table.
type fault struct {
	name string
	// few tries are made in the short form, many in the long one.
	few, many int
	try       func(*trial)
}

// bound is for how long rows are begun on an engine, unless all are asked for: machines differ by much.
const bound = 5 * time.Minute

// faults are all of them, in the order of the table.
func faults() []fault {
	return append(interrupts(),
		fault{"two set-ups of a new stack at once", 1, 3, func(x *trial) { x.atOnce(2) }},
		fault{"eight set-ups of a new stack at once", 1, 3, func(x *trial) { x.atOnce(8) }},
		fault{"the one of four set-ups that works is killed", 1, 10, (*trial).holderKilled},
		fault{"two checkouts are set up at once", 1, 3, (*trial).twoCheckouts},
		fault{"two users set up one stack at once", 1, 10, (*trial).twoUsers},
		fault{"the disk of the logs is full", 1, 3, (*trial).logsFull},
		fault{"the disk of the state directory is full", 1, 3, (*trial).stateFull},
		fault{"the disk of the cache is full", 1, 3, (*trial).cacheFull},
		fault{"the checkout is read-only", 1, 3, (*trial).readOnly},
		fault{"the checkout's path has spaces, quotes and other letters", 1, 1, (*trial).oddPath},
		fault{"a run may open few files", 1, 30, (*trial).fewFiles},
		fault{"a service is killed", 2, 30, (*trial).serviceKilled},
		fault{"containers are ended by the engine's own command", 2, 20, (*trial).containerEnded},
		fault{"the database is stopped while services serve", 1, 5, (*trial).postgresGone},
		fault{"rows that cannot be served", 1, 5, (*trial).badRows},
		fault{"the disk of the database is full", 1, 3, (*trial).dataFull},
		fault{"PostgreSQL is killed while clients write", 2, 20, (*trial).postgresKilled},
		fault{"dovecot is killed while mail comes", 2, 50, (*trial).dovecotKilled},
		fault{"the engine's disk is full while an image is built", 1, 3, (*trial).buildFull},
		fault{"PostgreSQL runs out of memory while clients write", 1, 10, (*trial).postgresOutOfMemory},
		fault{"the disk of the mail is full", 1, 3, (*trial).mailFull},
		fault{"what builds an image is killed: podman's build, dockerd", 1, 10, (*trial).builderKilled},
		fault{"what a run speaks to is killed: podman's service, dockerd", 1, 20, (*trial).engineKilled},
	)
}

// trial is one try of a fault.
type trial struct {
	*testing.T
	*site
	random  *rand.Rand
	number  int // of this try, from 0
	earlier int // tries of the rows before
	counts  *counts
	helped  bool
}

// counts are what a row of the table tells.
type counts struct {
	tries, lost, left, helped int
}

// lose counts what was acknowledged, or was there, and is gone.
func (x *trial) lose(format string, args ...any) {
	x.Helper()
	x.counts.lost++
	x.Errorf("lost: "+format, args...)
}

// leave counts what should not be there any more.
func (x *trial) leave(format string, args ...any) {
	x.Helper()
	x.counts.left++
	x.Errorf("left over: "+format, args...)
}

// help counts that something did not go on by itself, or by the next set-up.
func (x *trial) help(format string, args ...any) {
	x.Helper()
	x.helped = true
	x.Errorf("not recovered: "+format, args...)
}

// count ends the try. One that failed leaves the others a stack that runs.
func (x *trial) count() {
	if x.helped {
		x.counts.helped++
	}
	if x.Failed() {
		x.Mage(x.T, nil, "setup")
	}
}

// TestFaults tries every fault, and writes the table of what came of it.
func TestFaults(t *testing.T) {
	var table table
	enginetest.ForEach(t, func(t *testing.T, kind engine.Kind) {
		seed := enginetest.Seed(t)
		all, long := os.Getenv("POSTSTACK_FAULTS_ALL") != "", os.Getenv("POSTSTACK_FAULTS_LONG") != ""
		s := newSite(t, kind)
		table.engines = append(table.engines, fmt.Sprintf("%s %s", kind, s.engine.Info().Version))
		earlier, begun := 0, time.Now()
		for i, f := range faults() {
			tries := f.few
			if !all && time.Since(begun) > bound {
				table.untried = append(table.untried, fmt.Sprintf("%s on %s", f.name, kind))
				continue
			}
			if long {
				tries = f.many
			}
			row := &counts{}
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			t.Run(f.name, func(t *testing.T) {
				for n := range tries {
					row.tries++
					t.Run(fmt.Sprint(n+1), func(t *testing.T) {
						x := &trial{T: t, site: s, random: random, number: n, earlier: earlier, counts: row}
						defer x.count()
						f.try(x)
					})
				}
			})
			earlier += tries
			if row.tries > 0 { // else it was not asked for
				table.add(f.name, kind, *row)
			}
		}
		table.note(seed, long)
	})
	t.Logf("\n%s", table)
	if path := os.Getenv("POSTSTACK_FAULTS_TABLE"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) // what is run again comes below
		require.NoError(t, err)
		_, err = f.WriteString(table.String())
		require.NoError(t, errors.Join(err, f.Close()))
	}
}

// table is what is printed at the end, and kept in docs/reliability.md.
type table struct {
	rows    []string
	engines []string
	chance  string
	untried []string // for lack of time
}

func (t *table) add(fault string, kind engine.Kind, c counts) {
	t.rows = append(t.rows, fmt.Sprintf("| %s | %s | %d | %d | %d | %d of %d |",
		fault, kind, c.tries, c.lost, c.left, c.tries-c.helped, c.tries))
}

func (t *table) note(seed uint64, long bool) {
	t.chance = fmt.Sprintf("-seed=%d", seed)
	if long {
		t.chance += " -long"
	}
}

// String is the table as Markdown.
func (t table) String() string {
	untried := ""
	if t.untried != nil {
		untried = fmt.Sprintf("\nNot tried, since the rows before took %s: %s.\n", bound, strings.Join(t.untried, ", "))
	}
	return fmt.Sprintf("By `mage test:faults %s` on %s:\n\n"+
		"| Fault | Engine | Tries | Lost | Left over | Recovered without help |\n"+
		"| --- | --- | --- | --- | --- | --- |\n%s\n%s",
		t.chance, strings.Join(t.engines, " and "), strings.Join(t.rows, "\n"), untried)
}
