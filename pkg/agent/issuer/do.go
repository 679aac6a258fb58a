package issuer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/poststack/poststack/pkg/agent/process"
)

// do does what is to be done about a row. What came of it is told to the table, or kept until that can be told.
func (i *Issuer) do(ctx context.Context, what action, s scene, set settings) {
	switch what {
	case order:
		i.order(ctx, s, set)
	case hand:
		i.hand(ctx, s.row, i.known[s.row.ID])
	case revoke:
		i.revoke(ctx, s)
	case nothing:
	}
}

// order asks the authority for a certificate, and deploys it.
func (i *Issuer) order(ctx context.Context, s scene, set settings) {
	r, m := s.row, i.known[s.row.ID]
	argv, err := i.arguments(ctx, s, set)
	if err == nil {
		err = i.store().repair(r.Directory)
	}
	if err != nil {
		i.blame(ctx, r, m, err)
		return
	}
	// The table must know of the try before it is made: a restart in the middle of it begins no other at once.
	m.tried, m.failed, m.written = now(), true, time.Time{}
	if err := i.Exec(ctx, begin, r.ID, m.tried); err != nil {
		m.tried, m.failed = i.known[r.ID].tried, i.known[r.ID].failed
		m.wait = time.Now().Add(soon)
		i.known[r.ID] = m
		i.Log.Warn("the authority is not asked while the table cannot be told", "directory", r.Directory, "error", err)
		return
	}
	i.Log.Info("asking the authority", "names", r.Names, "challenge", r.Challenge, "server", s.server)
	begun := time.Now()
	err = i.ask(ctx, argv, s.server, timeout(r, set))
	if r.WantedAt != nil {
		m.answered = *r.WantedAt
	}
	if err != nil {
		i.Log.Error("no certificate was issued", "directory", r.Directory,
			"took", time.Since(begun).Round(time.Millisecond), "error", err)
		i.say(ctx, r, m, failure(r, err))
		return
	}
	m.failed = false
	i.Log.Info("a certificate was issued", "directory", r.Directory, "took", time.Since(begun).Round(time.Millisecond))
	i.hand(ctx, r, m)
}

// ask has certbot ask the authority, and once more where its answer was about the asking and not about the certificate.
func (i *Issuer) ask(ctx context.Context, argv []string, server string, most time.Duration) error {
	err := i.certbot(ctx, argv, most)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), unknownAccount):
		i.Log.Warn("the authority does not know the account any more: another one is registered", "server", server)
		if err := i.store().forget(server); err != nil {
			return err
		}
	case !strings.Contains(err.Error(), badNonce):
		return err
	}
	return i.certbot(ctx, argv, most)
}

// hand deploys the certificate that is there, and tells the table.
func (i *Issuer) hand(ctx context.Context, r row, m memory) {
	have := i.store().find(r.Directory)
	if have.leaf == nil {
		i.blame(ctx, r, m, errors.New("the authority has issued it, and it cannot be read"))
		return
	}
	if err := deploy(have.dir, i.directory(r), r.Names, time.Now()); err != nil {
		i.blame(ctx, r, m, err)
		return
	}
	m.told, m.wait = "", time.Time{}
	i.say(ctx, r, m, success(r, have.leaf))
	i.Log.Info("a certificate is deployed", "directory", r.Directory,
		"serial", have.leaf.SerialNumber.Text(16), "until", have.leaf.NotAfter)
}

// blame tells of what this machine is to blame for. It is tried again soon, and nothing is held against the authority.
func (i *Issuer) blame(ctx context.Context, r row, m memory, err error) {
	if m.told != err.Error() {
		i.Log.Error("a certificate is not deployed", "directory", r.Directory, "error", err)
	}
	m.told, m.wait = err.Error(), time.Now().Add(soon)
	if r.WantedAt != nil {
		m.answered = *r.WantedAt
	}
	if _, refused := (scene{row: r, memory: m}).lastTry(); refused {
		i.say(ctx, r, m, failure(r, err))
		return
	}
	i.say(ctx, r, m, fault(r, err))
}

// revoke has the authority revoke the certificate, and takes it away.
func (i *Issuer) revoke(ctx context.Context, s scene) {
	r, m := s.row, i.known[s.row.ID]
	if s.have.leaf != nil && time.Now().Before(s.have.leaf.NotAfter) {
		m.tried, m.failed, m.written = now(), true, time.Time{}
		err := i.certbot(ctx, i.revocation(s), orderTimeout)
		if err != nil && !revokedAlready(err) {
			i.Log.Error("a certificate was not revoked", "directory", r.Directory, "error", err)
			i.say(ctx, r, m, unrevoked(r, m.tried, err))
			return
		}
		m.failed = false
	}
	if err := errors.Join(withdraw(i.directory(r)), i.store().remove(r.Directory)); err != nil {
		i.blame(ctx, r, m, fmt.Errorf("withdraw the certificate: %w", err))
		return
	}
	m.told, m.wait = "", time.Time{}
	i.say(ctx, r, m, revoked(r))
	i.Log.Info("a certificate is revoked", "directory", r.Directory)
}

// certbot runs it to its end.
func (i *Issuer) certbot(ctx context.Context, argv []string, most time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, most, errTimeout)
	defer cancel()
	output, err := i.procs.Run(ctx, process.Spec{Argv: argv, Env: i.Environ, Dir: i.Paths.State})
	i.Log.Debug("certbot has ended", "arguments", argv, "output", output)
	if exit, ok := errors.AsType[*process.ExitError](err); ok {
		if exit.Err != nil {
			return fmt.Errorf("%w: %s", exit.Err, words(exit.Output))
		}
		return errors.New(i.unhidden(words(exit.Output)))
	}
	return err
}

// unknownAccount is what an authority says that has forgotten who asks.
const unknownAccount = "accountDoesNotExist"

// badNonce is how an authority says that a request was late, or came out of turn: it wants another (RFC 8555, section
// 6.5). Certbot tries each one twice.
const badNonce = "acme:error:badNonce"

// unhidden is what the authority has said where certbot 2.1 with Python 3.11 stumbles over it: then only its log has
// it.
func (i *Issuer) unhidden(words string) string {
	if !strings.Contains(words, "AttributeError: can't set attribute") {
		return words
	}
	log, err := os.ReadFile(filepath.Join(i.Paths.State, "logs", "letsencrypt.log"))
	if err != nil {
		return words
	}
	said := regexp.MustCompile(`(?m)^acme\.messages\.Error: (.*)$`).FindAllSubmatch(log, -1)
	if len(said) == 0 {
		return words
	}
	return string(said[len(said)-1][1])
}

// say tells the table what came of a row, and remembers it until that is known to have it.
func (i *Issuer) say(ctx context.Context, r row, m memory, c change) {
	if c.sql == "" {
		i.known[r.ID] = m
		return
	}
	delete(i.unsaid, r.ID)
	m.trouble = &c.trouble
	if err := i.Exec(ctx, c.sql, c.args...); err != nil {
		i.Log.Warn("the table is told later", "directory", r.Directory, "error", err)
		i.unsaid[r.ID] = c
		m.written = time.Time{}
		if at := time.Now().Add(soon); at.After(m.wait) {
			m.wait = at
		}
	} else {
		m.written = time.Now()
	}
	i.known[r.ID] = m
}

// sayAgain tells the table what it was not told.
func (i *Issuer) sayAgain(ctx context.Context) {
	for id, c := range i.unsaid {
		if err := i.Exec(ctx, c.sql, c.args...); err != nil {
			return
		}
		delete(i.unsaid, id)
		m := i.known[id]
		m.written = time.Now()
		i.known[id] = m
	}
}

// now is the time as the table can keep it.
func now() time.Time { return time.Now().Truncate(time.Microsecond) }
