package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/doctor"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
	"github.com/poststack/poststack/pkg/schema"
)

// connectTime bounds the doctor's connection to the database.
const connectTime = 4 * time.Second

// checkArtifacts looks at what builds have downloaded.
func (s *Stack) checkArtifacts(context.Context) []doctor.Finding {
	images, err := s.catalogue()
	if err != nil {
		return []doctor.Finding{finding(doctor.Problem, "git checkout containers", "%v", err)}
	}
	files, err := images.CachedFiles(s.Config.CacheDir)
	if err != nil {
		return []doctor.Finding{finding(doctor.Problem, "ls -l "+s.Config.CacheDir, "%v", err)}
	}
	var out []doctor.Finding
	whole, missing := 0, 0
	for _, f := range files {
		switch {
		case f.Whole:
			whole++
		case !f.There:
			missing++
		default:
			out = append(out, brokenArtifact(f))
		}
	}
	text := fmt.Sprintf("%s in the cache as pinned", count(whole, "file"))
	if missing > 0 {
		text += fmt.Sprintf(", %s to be fetched by the next build that needs them", count(missing, "file"))
	}
	return append(out, finding(doctor.OK, "", "%s", text))
}

// brokenArtifact is a file in the cache that is not the pinned one.
func brokenArtifact(file image.CachedFile) doctor.Finding {
	f := finding(doctor.Problem, "rm "+file.Path, "a file of %s is not the pinned one", file.Artifact)
	f.Fix = func(context.Context) (string, error) {
		return "removed it; the next build fetches it", file.Remove()
	}
	return f
}

// checkLock looks for a holder of the stack's lock that is dead. The lock itself is the kernel's and ends with its
// holder; what can stay is the note of who that was.
func (s *Stack) checkLock(context.Context) []doctor.Finding {
	path, note := filepath.Join(s.Config.StateDir, "lock"), filepath.Join(s.Config.StateDir, "lock.holder")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return []doctor.Finding{finding(doctor.OK, "", "no run is using this stack")}
	}
	free, unlock, err := tryLock(path)
	if err != nil {
		return []doctor.Finding{finding(doctor.Problem, "ls -l "+path, "the stack's lock: %v", err)}
	}
	defer unlock()
	who, err := os.ReadFile(note)
	switch {
	case !free:
		return []doctor.Finding{finding(doctor.OK, "", "held by %s", string(who))}
	case errors.Is(err, fs.ErrNotExist):
		return []doctor.Finding{finding(doctor.OK, "", "no run is using this stack")}
	}
	f := finding(doctor.Problem, "mage doctor -fix", "%s held it and is gone", string(who))
	f.Fix = func(context.Context) (string, error) {
		free, unlock, err := tryLock(path)
		if err != nil {
			return "", err
		}
		defer unlock()
		if !free {
			return "another run has it now", nil
		}
		return "removed the stale entry", os.Remove(note)
	}
	return []doctor.Finding{f}
}

// tryLock takes the lock at path for a moment, if nobody has it. The doctor's checks, which run side by side, share it.
func tryLock(path string) (free bool, unlock func(), err error) {
	l := flock.New(path)
	free, err = l.TryRLock()
	return free, func() { _ = l.Close() }, err
}

// checkDatabase asks the database in use for a sign of life, for its clock, and for a lock of Liquibase's that
// nobody holds any more.
func (s *Stack) checkDatabase(ctx context.Context) []doctor.Finding {
	if !s.External() {
		e, err := s.seenEngine(ctx)
		if err != nil {
			return noEngine()
		}
		c, err := e.ContainerInspect(ctx, s.containerName())
		// which the containers' check judges
		if errors.Is(err, engine.ErrNotFound) || err == nil && c.State != engine.Running {
			return []doctor.Finding{finding(doctor.OK, "", "not running; mage setup starts it")}
		}
	}
	target, err := s.Target(ctx)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage setup", err)}
	}
	conn, closeConn, err := connectFor(ctx, target)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage verify:db", err)}
	}
	defer closeConn()
	out := []doctor.Finding{finding(doctor.OK, "", "%s answers", target.Redacted())}
	var now time.Time
	before := time.Now()
	if err := conn.QueryRow(ctx, `select clock_timestamp()`).Scan(&now); err == nil {
		out = append(out, doctor.Clock(before.Sub(now), "the database"))
	}
	out = append(out, checkCollations(ctx, conn)...)
	out = append(out, s.checkSuperusers(ctx, conn)...)
	return append(out, s.checkChangelogLock(ctx, conn, target)...)
}

// checkSuperusers looks for those that may sign in from outside.
func (s *Stack) checkSuperusers(ctx context.Context, conn *pgx.Conn) []doctor.Finding {
	names, err := s.outerSuperusers(ctx, conn)
	switch {
	case err != nil:
		return []doctor.Finding{unanswered(ctx, "mage verify:db", err)}
	case len(names) == 0:
		return nil
	}
	return []doctor.Finding{finding(doctor.Warning, s.superuserRemedy(names),
		"signs in over the network and is a superuser: %s", strings.Join(names, ", "))}
}

// checkCollations looks for text that was sorted by another version of the server's libraries.
func checkCollations(ctx context.Context, conn *pgx.Conn) []doctor.Finding {
	found, err := database.Collations(ctx, conn)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage verify:db", err)}
	}
	var out []doctor.Finding
	for _, text := range found {
		i := strings.LastIndex(text, ": ")
		what, remedy := text[:i], text[i+2:]
		out = append(out, finding(doctor.Warning, "mage psql: "+remedy, "%s", what))
	}
	return out
}

// checkChangelogLock looks for Liquibase's lock.
func (s *Stack) checkChangelogLock(ctx context.Context, conn *pgx.Conn, target database.Target) []doctor.Finding {
	stale, err := schema.StaleLock(ctx, conn)
	if err != nil {
		return []doctor.Finding{unanswered(ctx, "mage schema:status", err)}
	}
	if stale == "" {
		return []doctor.Finding{finding(doctor.OK, "", "no stale lock")}
	}
	f := finding(doctor.Problem, "mage doctor -fix",
		"Liquibase's lock is set by %s, but no session that could hold it is connected", strings.TrimSpace(stale))
	f.Fix = func(ctx context.Context) (string, error) {
		conn, closeConn, err := connectFor(ctx, target)
		if err != nil {
			return "", err
		}
		defer closeConn()
		whose, err := schema.ReleaseStaleLock(ctx, conn)
		if err == nil && whose == "" {
			return "it is free, or held by a session that is connected now", nil
		}
		return "released it", err
	}
	return []doctor.Finding{f}
}

// connectFor connects within connectTime.
func connectFor(ctx context.Context, target database.Target) (*pgx.Conn, func(), error) {
	limited, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := target.Connect(limited)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() { _ = conn.Close(context.WithoutCancel(ctx)) }, nil
}
