package targets

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/poststack/poststack/pkg/source"
	"github.com/poststack/poststack/pkg/stack"
)

// DB is the database in use: Poststack's own container, or the server that DATABASE_URL names.
type DB mg.Namespace

// Start starts Poststack's own PostgreSQL and waits until it answers a query. With DATABASE_URL set it does nothing.
// The password is generated once, the port is the first free one from 5432 and then stays. Settings:
// POSTSTACK_DATABASE_PORT, POSTSTACK_DATABASE_NAME, POSTSTACK_DATABASE_USER, POSTSTACK_DATABASE_PASSWORD_FILE,
// POSTSTACK_DATABASE_TLS, POSTSTACK_TIMEOUT_START. Example: mage db:start
func (DB) Start(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).StartDatabase, before((*stack.Stack).CheckCertificate), own(Build.Postgres))
}

// Url prints the connection URL of the database in use, password included, and nothing else. Whoever lists processes
// sees the password of a URL that is an argument: with -passfile it goes into a file that only you can read, and the
// URL names that file. Example: psql "$(mage db:url -passfile)"
func (DB) Url(ctx context.Context, passfile *bool) error { //nolint:revive // mage lists it as db:url
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.PrintURL(ctx, orZero(passfile)) })
}

// Backup writes the database in use into one file, as it is at one moment, while it is used. With -all the file also
// has the volumes of services that hold what nothing else brings back, such as mail and certificates. It is
// compressed and has checksums, and is encrypted where the settings name recipients. With -verify it is restored on
// trial and compared; with -keep=7 older backups of this database that Poststack has made there are deleted
// afterwards, all but the newest 7; -to=DIR is another directory than that of the settings. With -schedule=daily (or
// hourly, weekly) cron does so from now on, or systemd where there is no cron, and -schedule=off ends that. With -base
// the archive gets a base backup, too. The image of PostgreSQL is built for it only with DATABASE_URL set. Settings:
// DATABASE_URL, POSTSTACK_BACKUP_DIR, POSTSTACK_BACKUP_RECIPIENTS, POSTSTACK_BACKUP_IDENTITY,
// POSTSTACK_DATABASE_ARCHIVE. Example: mage db:backup -verify
func (DB) Backup(ctx context.Context, to *string, all, verify, base *bool, keep *int, schedule *string) error {
	o := stack.BackupOptions{
		To: orZero(to), All: orZero(all), Verify: orZero(verify), Base: orZero(base), Keep: keep,
	}
	if every := orZero(schedule); every != "" {
		return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return schedulesBackup(ctx, s, every, o) })
	}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.Backup(ctx, o)
	}, external(Build.Postgres))
}

// schedulesBackup has cron or systemd run the compiled program, which needs no Go and no mage.
func schedulesBackup(ctx context.Context, s *stack.Stack, every string, o stack.BackupOptions) error {
	if source.Built() == "" && every != "off" {
		if err := source.Install(ctx, s.Runner, s.Config.Root); err != nil {
			return err
		}
	}
	return s.ScheduleBackup(ctx, every, o)
}

// Backups lists the backups in the directory of the settings, the newest first. With -check each is read whole and
// compared with its checksums, which needs no key. Setting: POSTSTACK_BACKUP_DIR. Example: mage db:backups -check
func (DB) Backups(ctx context.Context, check *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error { return s.Backups(ctx, orZero(check)) })
}

// Restore replaces Poststack's own database by a backup, after a question; -yes asks nothing. FILE is a path, or a name
// that db:backups lists. The backup is checked, restored into a new volume and compared, while the present database
// serves; only then does it take its place, and services that run use it. With -all the volumes of services that are in
// it are replaced as well, and the services on them stop meanwhile. Settings: POSTSTACK_BACKUP_DIR,
// POSTSTACK_BACKUP_IDENTITY. Example: mage db:restore FILE
func (DB) Restore(ctx context.Context, file string, all, yes *bool) error {
	o := stack.RestoreOptions{All: orZero(all), Yes: orZero(yes)}
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.Restore(ctx, file, o)
	}, own(Build.Postgres))
}

// Pitr takes Poststack's own database back to a time, from its archive, after a question; -yes asks nothing. TIME is
// such as 2026-11-30T12:00:00+01:00, or "2026-11-30 12:00:00" in the zone of this machine. A new volume is filled from
// the base backup before it and from the log up to it, while the present database serves; only then does it take its
// place, and services that run use it. What was written since stays in the archive, and a later recovery brings it
// back. Settings: POSTSTACK_DATABASE_ARCHIVE, POSTSTACK_DATABASE_ARCHIVE_DAYS. Example: mage db:pitr
// 2026-11-30T12:00:00Z
func (DB) Pitr(ctx context.Context, time string, yes *bool) error {
	return phase(ctx, func(s *stack.Stack, ctx context.Context) error {
		return s.RecoverTo(ctx, time, orZero(yes))
	}, own(Build.Postgres))
}

// Upgrade takes Poststack's own database to the PostgreSQL of the Debian suite that is set. That is from 15 of
// bookworm to 17 of trixie: into a new volume, compared, and only then in use. Nobody can write meanwhile: the server
// stops first, and services wait. The former volume stays. -back goes back to it, which loses what was written since,
// after a question; -yes asks nothing. -dropOld removes it. Settings: POSTSTACK_DEBIAN_SUITE,
// POSTSTACK_TIMEOUT_START. Example: mage db:upgrade
func (DB) Upgrade(ctx context.Context, back, dropOld, yes *bool) error {
	o := stack.UpgradeOptions{Back: orZero(back), DropOld: orZero(dropOld), Yes: orZero(yes)}
	return phase(
		ctx,
		func(s *stack.Stack, ctx context.Context) error { return s.Upgrade(ctx, o) },
		own(Build.Postgres),
	)
}

// Verify checks what was built and started.
type Verify mg.Namespace

// DB connects to the database, signs in, and checks that it can be read and written. The check is rolled back. It
// starts a stopped database of Poststack's own. Settings: DATABASE_URL, POSTSTACK_TIMEOUT_CONNECT. Example: mage
// verify:db
func (Verify) DB(ctx context.Context) error {
	return phase(ctx, (*stack.Stack).VerifyDatabase, own(DB.Start))
}
