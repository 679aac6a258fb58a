package stack

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
	"github.com/poststack/poststack/pkg/service"
)

// Where the image's pgBackRest looks.
const (
	archivePath = "/var/lib/pgbackrest"
	archiveConf = "/run/secrets/pgbackrest.conf"
	archiveRoot = "/run/secrets/archive-root.pem"
)

// archived is pgBackRest's archive of a database: the stack's on one engine.
type archived struct {
	*Stack
	engine Engine
}

// stanza is what the archive calls the database. A stack has another one on each engine.
func (a archived) stanza() string { return a.Config.Stack + "-" + string(a.engine.Info().Kind) }

// inDirectory tells that the archive is a directory of this machine.
func (s *Stack) inDirectory() bool { return !strings.HasSuffix(s.Config.Database.Archive, ".conf") }

// put gives a server's container what it needs for the archive, if one is set. A server that does not push keeps its
// log for the one that will.
func (a archived) put(ctx context.Context, spec *engine.ContainerSpec, pushes bool) error {
	if a.Config.Database.Archive == "" {
		return nil
	}
	place, err := a.declaredDatabase()
	if err != nil {
		return err
	}
	uid, gid := place.password.IDs()
	file := func(path string, content string) engine.File {
		return engine.File{Path: path, Mode: 0o400, UID: uid, GID: gid, Content: []byte(content)}
	}
	repository := "repo1-path=" + archivePath + "\n"
	if a.inDirectory() {
		mount := engine.Mount{Bind: a.Config.Database.Archive, Target: archivePath}
		if err := a.handOver(ctx, spec.Image, mount, fmt.Sprintf("%d:%d", uid, gid)); err != nil {
			return err
		}
		spec.Mounts = append(spec.Mounts, mount)
	} else {
		var root string
		if repository, root, err = a.repository(); err != nil {
			return err
		}
		if root != "" {
			spec.Files = append(spec.Files, file(archiveRoot, root))
		}
	}
	spec.Files = append(spec.Files, file(archiveConf, fmt.Sprintf("[global]\n%srepo1-retention-full-type=time\n"+
		"repo1-retention-full=%d\nrepo1-bundle=y\ncompress-type=zst\nstart-fast=y\nlog-level-file=off\n"+
		"log-level-console=off\n\n[%s]\npg1-path=%s\n", repository, a.Config.Database.ArchiveDays, a.stanza(),
		path.Join(place.data.Path, "data"))))
	spec.Env["PGBACKREST_CONFIG"] = archiveConf
	command := ""
	if pushes {
		command = "pgbackrest --stanza=" + a.stanza() + " archive-push %p"
	}
	spec.Command = []string{
		"postgres", "-c", "archive_mode=on", "-c", "archive_timeout=60", "-c", "archive_command=" + command,
	}
	return nil
}

// handOver makes the directory and gives it to the server's user, as one that is empty. A container can on each engine.
func (a archived) handOver(ctx context.Context, ref engine.Ref, mount engine.Mount, owner string) error {
	if err := os.MkdirAll(mount.Bind, 0o700); err != nil {
		return badUsage("database.archive: %v", err)
	}
	if held, err := os.ReadDir(mount.Bind); err != nil || len(held) > 0 {
		return nil //nolint:nilerr // who may not look into it has given it away already
	}
	spec := engine.ContainerSpec{Image: ref, User: "root", Mounts: []engine.Mount{mount}}
	return idle(ctx, a.engine, postgresImage, spec, func(id engine.ContainerID) error {
		res, err := a.engine.ContainerExec(ctx, id, engine.ExecSpec{Command: []string{"chown", owner, mount.Target}})
		if err == nil && res.Code != 0 {
			err = badUsage("database.archive: give %s to the server's user: %s", mount.Bind, service.Ending(res))
		}
		return err
	})
}

// secretOption are the options of pgBackRest that are secrets. Source: its configuration reference, 2.57.
const secretOption = `-(key|key-secret|cipher-pass|passphrase|token)$`

// ownFile reads a file of the user's that nobody else may read.
func ownFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s, which can hold keys: chmod 600 it", path)
	}
	return os.ReadFile(path)
}

// repository reads the user's file, and the certificate that it names.
func (s *Stack) repository() (settings, root string, err error) {
	path := s.Config.Database.Archive
	refuse := func(format string, args ...any) (string, string, error) {
		return "", "", badUsage("database.archive: %s", fmt.Sprintf(format, args...))
	}
	text, err := ownFile(path)
	if err != nil {
		return refuse("%v", err)
	}
	option, secret := regexp.MustCompile(`^(repo1-[a-z0-9-]+) *= *(\S.*)$`), regexp.MustCompile(secretOption)
	remote := false
	for i, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		m := option.FindStringSubmatch(line)
		if m == nil || strings.HasPrefix(m[1], "repo1-retention") || m[1] == "repo1-bundle" {
			return refuse("%s:%d is no setting such as repo1-s3-bucket=NAME; how long it reaches back is database.archive_days",
				path, i+1)
		}
		name, value := m[1], m[2]
		switch {
		case secret.MatchString(name):
			s.Secrets.Add(value)
		case name == "repo1-type":
			remote = value != "posix" && value != "cifs"
		case name == "repo1-storage-ca-file":
			if !filepath.IsAbs(value) {
				return refuse("%s:%d: %s is no absolute path", path, i+1, value)
			}
			content, err := os.ReadFile(value)
			if err != nil {
				return refuse("%s:%d: %v", path, i+1, err)
			}
			root, value = string(content), archiveRoot
		}
		settings += name + "=" + value + "\n"
	}
	if !remote { // pgBackRest's default is a directory, which would be the container's own
		return refuse("%s needs a repo1-type such as s3; for an archive in a directory, set database.archive to that", path)
	}
	return settings, root, nil
}

// run has pgBackRest do something in a container of the server's.
func (a archived) run(ctx context.Context, id engine.ContainerID, args ...string) (engine.ExecResult, error) {
	return a.exec(ctx, id, append([]string{"pgbackrest", "--stanza=" + a.stanza()}, args...)...)
}

// exec runs a program there. How it fails is all that it says.
func (a archived) exec(ctx context.Context, id engine.ContainerID, program ...string) (engine.ExecResult, error) {
	res, err := a.engine.ContainerExec(ctx, id, engine.ExecSpec{
		Command: program,
		Env:     map[string]string{"PGPASSFILE": "/run/postgresql/.pgpass"}, // of an entrypoint that makes one
	})
	if err == nil && res.Code != 0 {
		err = fmt.Errorf("run %s: %s", program[0], strings.Join(strings.Fields(res.Stderr), " "))
	}
	return res, err
}

// serverUser is the option that says who may make base backups.
func (a archived) serverUser(ctx context.Context, target database.Target) (option string, err error) {
	err = a.sessions.Use(ctx, target, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, bootstrapSQL).Scan(&option)
	})
	return "--pg1-user=" + option, err
}

// open has the archive take the log of the server that runs: the volume may be a new one, whose database it does not
// know. It returns [archived.serverUser].
func (a archived) open(ctx context.Context, id engine.ContainerID, target database.Target) (user string, err error) {
	const otherDatabase = 28 // pgBackRest's exit status
	if user, err = a.serverUser(ctx, target); err != nil {
		return "", err
	}
	res, err := a.run(ctx, id, user, "stanza-create")
	if res.Code == otherDatabase {
		_, err = a.run(ctx, id, user, "stanza-upgrade")
	}
	return user, err
}

// opened opens the archive for a server that has just started, if one is set. It serves without.
func (s *Stack) opened(
	ctx context.Context, e Engine, r event.Reporter, id engine.ContainerID, target database.Target,
) {
	if s.Config.Database.Archive == "" {
		return
	}
	if _, err := (archived{s, e}).open(ctx, id, target); err != nil && ctx.Err() == nil {
		r.Warn(fmt.Sprintf("the archive takes nothing: %v; mage db:backup -base tries again", err))
	}
}
