package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/poststack/poststack/pkg/certificate"
	"github.com/poststack/poststack/pkg/config"
	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/event"
)

// tlsDir is the directory of the certificate that the own database has; "" if it has none.
func (s *Stack) tlsDir() string {
	switch from := s.Config.Database.TLS; from {
	case "", config.TLSOff:
		return ""
	case config.TLSOwn:
		return s.authorityDir()
	default:
		return from
	}
}

// authorityDir keeps the stack's own authority, and what it has issued.
func (s *Stack) authorityDir() string { return filepath.Join(s.Config.StateDir, "tls") }

// CheckCertificate looks, before anything is built or started, whether the own database can have the certificate of the
// directory that is set.
func (s *Stack) CheckCertificate(context.Context) error {
	if s.External() {
		return nil
	}
	if err := s.judgeDirectory(); err != nil {
		return s.failure(s.Asked, Usage, err)
	}
	return nil
}

// judgeDirectory judges what is in the user's directory, if one is set.
func (s *Stack) judgeDirectory() error {
	if s.Config.Database.TLS == config.TLSOwn {
		return nil
	}
	_, err := s.certificate()
	return err
}

// certificate is the one that the own database is to serve, judged; nil if it has no TLS. Errors are *[UsageError].
func (s *Stack) certificate() (*certificate.Server, error) {
	dir := s.tlsDir()
	if dir == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	found, err := certificate.Load(dir, time.Now())
	if err == nil {
		_, err = found.Host(s.Config.Domain)
	}
	if err != nil {
		return nil, &UsageError{Reason: "database.tls: " + err.Error()}
	}
	return &found, nil
}

// haveCertificate makes or renews the certificate of the own authority, and tells of one that is about to end.
func (s *Stack) haveCertificate(r event.Reporter) error {
	if s.Config.Database.TLS == config.TLSOwn {
		done, err := s.authority().Renew(time.Now())
		var unusable *certificate.Error
		switch {
		case errors.As(err, &unusable):
			return &UsageError{Reason: "database.tls: " + err.Error()}
		case err != nil:
			return err
		case done.Authority:
			r.Notice("made a local authority; clients trust " + filepath.Join(s.authorityDir(), certificate.RootFile))
		case done.Server:
			r.Notice("renewed the database's certificate; clients need no other root")
		}
	}
	found, err := s.certificate()
	if err == nil && found != nil && time.Until(found.Leaf.NotAfter) < certificate.RenewBefore {
		r.Warn(fmt.Sprintf("the certificate in %s ends in %s: renew it there, then run mage db:start",
			found.Dir, days(*found)))
	}
	return err
}

// days is for how long a certificate is valid, in words.
func days(s certificate.Server) string {
	return count(certificate.DaysLeft(s.Leaf, time.Now()), "day")
}

// authority is the stack's own, with the names by which its database is reached: on this machine, and in its network.
func (s *Stack) authority() certificate.Authority {
	return certificate.Authority{
		Dir: s.authorityDir(), Name: "poststack " + s.Config.Stack,
		Server: certificate.Names{
			DNS: []string{"localhost", postgresImage, s.containerName()},
			IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		},
	}
}

// withTLS returns the own database's target with what its clients check, if it has TLS.
func (s *Stack) withTLS(target database.Target) (database.Target, error) {
	dir := s.tlsDir()
	if dir == "" {
		return target, nil
	}
	if _, err := os.Stat(dir); s.Config.Database.TLS == config.TLSOwn && errors.Is(err, fs.ErrNotExist) {
		return target, badUsage("database.tls is own, and the certificate is not made yet: mage db:start makes it")
	}
	found, err := certificate.Public(dir)
	if err == nil {
		target.Host, err = found.Host(s.Config.Domain)
	}
	if err != nil {
		return target, &UsageError{Reason: "database.tls: " + err.Error()}
	}
	if target.Host != "127.0.0.1" && target.Host != "localhost" {
		target.HostAddr = netip.MustParseAddr("127.0.0.1") // wherever its name leads, it is here
	}
	target.SSLMode, target.SSLRootCert = "verify-full", found.RootPath
	return target, nil
}

// atHome is the own database as it is reached by a program in its container.
func (s *Stack) atHome(target database.Target, port uint16) database.Target {
	if target.SSLRootCert == "" {
		return target.WithHost("localhost", port)
	}
	target.SSLRootCert = path.Join(s.Config.CertPath, certificate.RootFile)
	target.Port = port
	return target
}

// modeInNetwork is how the own database is asked for by its name in the stack's network, which a certificate of the
// user's need not have: then only who issued it is checked.
func (s *Stack) modeInNetwork(mode string) (string, error) {
	want, err := s.certificate()
	if err == nil && want != nil && want.Leaf.VerifyHostname(postgresImage) != nil {
		mode = "verify-ca"
	}
	return mode, err
}

// certificateMount is where the own database's container has its certificate; false if it has none.
func (s *Stack) certificateMount() (engine.Mount, bool) {
	return engine.Mount{
		Volume: s.services().Volume("database-certificate"), Target: s.Config.CertPath, ReadOnly: true,
	}, s.tlsDir() != ""
}

// certificateGroup is the group, in every image, whose members may read certificates and their keys.
const certificateGroup = 9999

// certificateFiles are a certificate's in the container.
func (s *Stack) certificateFiles(c certificate.Server) []engine.File {
	file := func(name string, mode int64, content []byte) engine.File {
		return engine.File{Path: path.Join(s.Config.CertPath, name), Mode: mode, GID: certificateGroup, Content: content}
	}
	return []engine.File{
		file(certificate.ChainFile, 0o644, c.Chain), file(certificate.RootFile, 0o644, c.Roots),
		file(certificate.KeyFile, 0o640, c.Key),
	}
}
