package issuer

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/poststack/poststack/pkg/agent/feed"
	"github.com/poststack/poststack/pkg/agent/status"
)

// pass does all that is to be done, the most urgent first, and gives the time to look again. After the end of begin
// nothing is begun.
func (i *Issuer) pass(ctx, begin context.Context) time.Time {
	for {
		next := time.Now().Add(lookEvery)
		i.sayAgain(ctx)
		t, ok := i.read()
		if !ok || begin.Err() != nil {
			return next
		}
		scenes := i.look(t)
		i.tell(scenes)
		chosen, todo := nothing, scene{}
		for _, s := range scenes {
			what, at := s.next()
			if what != nothing && (chosen == nothing || s.urgent(what, todo, chosen)) {
				chosen, todo = what, s
			}
			if what == nothing && !at.IsZero() {
				next = earlier(next, at)
			}
		}
		if chosen == nothing {
			i.clear(t)
			i.front(scenes)
			return next
		}
		i.do(ctx, chosen, todo, t.settings)
	}
}

// read gives what was read last, and forgets what it tells by itself.
func (i *Issuer) read() (table, bool) {
	i.mu.Lock()
	reading, hurry := i.latest, i.hurry
	i.hurry = false
	i.mu.Unlock()
	for id, m := range i.known {
		if hurry {
			m.wait = time.Time{}
			i.known[id] = m
		}
	}
	if reading == nil {
		return table{}, false
	}
	t, wrong, err := read(reading.Rows)
	if err != nil {
		i.Log.Error("the rows cannot be used", "error", err)
		return table{}, false
	}
	i.forget(*reading, t)
	i.board.Change(func(s *status.Status) { s.Warnings = append([]string{}, wrong...) })
	return t, true
}

// forget drops what the table tells by now.
func (i *Issuer) forget(r feed.Reading, t table) {
	there := map[int64]bool{}
	for _, row := range t.rows {
		there[row.ID] = true
		m := i.known[row.ID]
		if !m.written.IsZero() && r.At.After(m.written) {
			i.known[row.ID] = memory{wait: m.wait, told: m.told}
		}
	}
	for id := range i.known {
		if !there[id] {
			delete(i.known, id)
		}
	}
}

// look looks at the files of all rows.
func (i *Issuer) look(t table) []scene {
	out := make([]scene, 0, len(t.rows))
	for _, r := range t.rows {
		s := scene{
			row: r, have: i.store().find(r.Directory), server: i.Options.Server(r.Names), memory: i.known[r.ID], now: time.Now(),
		}
		if leaf := deployed(i.directory(r)); leaf != nil {
			s.served = fingerprint(leaf)
		}
		out = append(out, s)
	}
	return out
}

func (i *Issuer) store() store { return store{filepath.Join(i.Paths.State, "config")} }

// directory is where services find the pair of a row.
func (i *Issuer) directory(r row) string { return filepath.Join(i.Paths.Certificates, r.Directory) }

// urgent tells whether this comes before that: first what no authority is asked for, then what somebody waits for,
// then what ends first.
func (s scene) urgent(what action, that scene, other action) bool {
	if (what == order) != (other == order) {
		return other == order
	}
	if s.wanted() != that.wanted() {
		return s.wanted()
	}
	return s.end().Before(that.end())
}

// end is when the certificate ends that is there.
func (s scene) end() time.Time {
	if s.have.leaf == nil {
		return time.Time{}
	}
	return s.have.leaf.NotAfter
}

// tell tells how the rows are.
func (i *Issuer) tell(scenes []scene) {
	leftOut, warnings := []status.LeftOut{}, []string{}
	for _, s := range scenes {
		if trouble := s.trouble(); trouble != "" {
			leftOut = append(leftOut,
				status.LeftOut{Query: "certificates", Key: s.row.Directory, Kept: s.served != "", Error: trouble})
		}
		if s.have.leaf != nil && s.now.After(s.have.leaf.NotAfter) {
			warnings = append(warnings,
				fmt.Sprintf("certificate %s ended at %s", s.row.Directory, s.have.leaf.NotAfter.Format(time.RFC3339)))
		}
	}
	i.board.Change(func(s *status.Status) { s.LeftOut, s.Warnings = leftOut, append(s.Warnings, warnings...) })
}

// keepGone is how long certbot's copy is kept of a certificate whose row is gone: a row that comes back, as when
// tables are restored, needs no order then.
const keepGone = 24 * time.Hour

// clear takes away what no row wants any more. Only what was deployed from here is touched.
func (i *Issuer) clear(t table) {
	names, err := i.store().names()
	if err != nil {
		i.Log.Warn(err.Error())
		return
	}
	wanted := map[string]bool{}
	for _, r := range t.rows {
		wanted[r.Directory] = true
		delete(i.gone, r.Directory)
	}
	for _, name := range names {
		if wanted[name] {
			continue
		}
		since, known := i.gone[name]
		if !known {
			i.gone[name] = time.Now()
			i.Log.Info("no row wants a certificate any more: it is withdrawn", "directory", name)
		}
		err := withdraw(filepath.Join(i.Paths.Certificates, name))
		if err == nil && known && time.Since(since) > keepGone {
			err = i.store().remove(name)
		}
		if err != nil {
			i.Log.Warn("a certificate that no row wants stays", "directory", name, "error", err)
		}
	}
}

// front deploys the certificate of the host's own name also without a directory, for who knows only that place. A pair
// that somebody else has put there stays.
func (i *Issuer) front(scenes []scene) {
	const from = ".from"
	var best scene
	for _, s := range scenes {
		usable := s.have.leaf != nil && s.served == fingerprint(s.have.leaf) && s.row.Status == statusIssued
		if usable && s.have.leaf.VerifyHostname(i.Options.Domain) == nil &&
			(best.have.leaf == nil || s.have.leaf.NotAfter.After(best.have.leaf.NotAfter)) {
			best = s
		}
	}
	there := deployed(i.Paths.Certificates)
	mark := filepath.Join(i.Paths.Certificates, from)
	if best.have.leaf == nil || there != nil && (fingerprint(there) == fingerprint(best.have.leaf) || !exists(mark)) {
		return
	}
	err := deploy(best.have.dir, i.Paths.Certificates, []string{i.Options.Domain}, time.Now())
	if err == nil {
		err = put(i.Paths.Certificates, map[string][]byte{from: []byte(best.row.Directory + "\n")})
	}
	if err != nil {
		i.Log.Warn("the certificate of the host's own name is not deployed", "error", err)
	}
}
