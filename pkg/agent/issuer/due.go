package issuer

import "time"

// What is to be done about a row.
type action int

const (
	nothing action = iota
	order          // ask the authority for a certificate
	hand           // deploy the certificate that is there already, and tell the table
	revoke         // have the authority revoke it
)

const (
	// betweenTries is how long an authority is left alone with what it has refused: those that everybody uses stop
	// answering who asks more often.
	betweenTries = time.Hour
	// soon is when it is tried again what this machine was to blame for. No authority is asked for that.
	soon = 10 * time.Second
	// unfinished is how long it is waited after a try whose end nobody has seen, unless somebody asks.
	unfinished = time.Minute
	// renewBefore is when a certificate that lasts long is renewed before its end.
	renewBefore = 30 * 24 * time.Hour
)

// renewAt is when a certificate is renewed: in the last third of its time, or in its last 30 days.
func renewAt(notBefore, notAfter time.Time) time.Time {
	return notAfter.Add(-min(notAfter.Sub(notBefore)/3, renewBefore))
}

// memory is what this run knows of a row and the table does not tell, or not yet.
type memory struct {
	tried    time.Time // when the authority was last asked; zero if the table knows
	failed   bool      // it refused
	answered time.Time // the wish that was met, or refused
	wait     time.Time // until then nothing is tried again that only this machine is to blame for
	told     string    // what is wrong here; "" if nothing is
	written  time.Time // when the table was told of tried, failed and answered; zero if it was not yet
	trouble  *string   // what the table was told to be wrong, later than the row was read; nil if nothing was told
}

// scene is all that counts for what is to be done about a row.
type scene struct {
	row    row
	have   lineage // of certbot
	served string  // fingerprint of what services find; "" for no pair
	server string  // directory of the authority that it is to be from
	memory memory
	now    time.Time
}

// trouble is what is wrong with the row; "" if nothing is. What this run has found counts more than a row that was read
// before: the next order may be under way for minutes.
func (s scene) trouble() string {
	if err := s.row.usable(); err != nil && s.row.Status != statusRevoked {
		return err.Error()
	}
	switch {
	case s.memory.told != "":
		return s.memory.told
	case s.memory.trouble != nil:
		return *s.memory.trouble
	default:
		return s.row.LastError
	}
}

// next tells what is to be done, or when to look again.
func (s scene) next() (action, time.Time) {
	if s.row.Status == statusRevoked {
		return s.revocation()
	}
	never := time.Time{}
	if s.row.usable() != nil {
		return nothing, never
	}
	at := never
	if s.row.Enabled {
		at = s.dueAt()
		for _, held := range []time.Time{s.heldUntil(), s.memory.wait} {
			if at.Before(held) {
				at = held
			}
		}
		if !at.After(s.now) {
			return order, s.now
		}
	}
	if s.have.leaf == nil || !s.now.Before(s.have.leaf.NotAfter) || !s.row.covers(s.have.leaf.DNSNames) {
		return nothing, at
	}
	found := fingerprint(s.have.leaf)
	// later than the row was read
	told := s.row.Fingerprint == found && s.row.Status == statusIssued || !s.memory.written.IsZero()
	if s.served != found || !told {
		if s.memory.wait.After(s.now) {
			return nothing, earlier(at, s.memory.wait)
		}
		return hand, s.now
	}
	return nothing, at
}

// dueAt is when the authority is to be asked, if it may.
func (s scene) dueAt() time.Time {
	leaf := s.have.leaf
	switch {
	case leaf == nil, s.have.server != s.server, !s.row.covers(leaf.DNSNames), s.wanted():
		return s.now
	default:
		return renewAt(leaf.NotBefore, leaf.NotAfter)
	}
}

// wanted tells whether somebody asks for it at once, and has no answer yet.
func (s scene) wanted() bool { return s.row.WantedAt != nil && s.row.WantedAt.After(s.memory.answered) }

// lastTry is when the authority was last asked, and whether it refused.
func (s scene) lastTry() (at time.Time, failed bool) {
	switch {
	case !s.memory.tried.IsZero():
		return s.memory.tried, s.memory.failed
	case s.row.TriedAt != nil:
		return *s.row.TriedAt, s.row.LastError != ""
	default:
		return time.Time{}, false
	}
}

// heldUntil is how long the authority is to be left alone. A try that is yet to come was made while the clock was
// wrong.
func (s scene) heldUntil() time.Time {
	tried, failed := s.lastTry()
	came := s.have.leaf != nil && s.have.came.After(tried)
	switch {
	case tried.After(s.now.Add(betweenTries)):
		return time.Time{}
	case failed:
		return tried.Add(betweenTries)
	case s.wanted():
		return time.Time{}
	case came && s.now.After(s.have.leaf.NotAfter): // the clock is wrong, and the next would seem to have ended as well
		return tried.Add(betweenTries)
	case came:
		return time.Time{}
	default:
		return tried.Add(unfinished)
	}
}

// revocation tells what is to be done about a row that is revoked.
func (s scene) revocation() (action, time.Time) {
	if s.row.RevokedAt != nil && s.have.leaf == nil && s.served == "" {
		return nothing, time.Time{}
	}
	if _, failed := s.lastTry(); failed {
		if held := s.heldUntil(); held.After(s.now) {
			return nothing, held
		}
	}
	if s.memory.wait.After(s.now) {
		return nothing, s.memory.wait
	}
	return revoke, s.now
}

// earlier is the earlier of two times; the zero one is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
