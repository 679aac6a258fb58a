package certificate

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/renameio/v2"
)

// AuthorityFile holds the certificate and the key of a local authority.
const AuthorityFile = "authority.pem"

// How long the certificates of a local authority are valid, and how long before their end they are renewed. The
// server's lasts as long as the authority's, since nobody renews it while a stack is left to itself: its services
// would be without their database some day.
const (
	authorityLife = 10 * 365 * day
	RenewBefore   = 30 * day
)

// Authority is a local authority, and the server that it issues a certificate for. All of it is in files of one
// directory, named as [Load] expects them.
type Authority struct {
	Dir    string
	Name   string // whose it is, for those who look at the certificate
	Server Names
}

// Renewed is what [Authority.Renew] has made.
type Renewed struct {
	Authority bool // clients have to trust another certificate from now on
	Server    bool
}

// Renew has an authority that is valid for more than [RenewBefore], and a certificate that is as long: it makes what
// is missing or about to end. The authority stays as it is while it can. One that cannot be read, or is yet to begin,
// is an error: to make another behind the back of those who trust it is for people to decide.
func (a Authority) Renew(now time.Time) (Renewed, error) {
	if err := os.MkdirAll(a.Dir, 0o700); err != nil {
		return Renewed{}, fmt.Errorf("keep a local authority: %w", err)
	}
	root, done, err := a.root(now)
	if err == nil {
		err = a.write(RootFile, root.pair.Certificate, 0o644)
	}
	if err != nil || !done.Authority && a.current(root, now) {
		return done, err
	}
	template := newTemplate(a.Server.DNS[0], now, authorityLife)
	template.NotAfter = root.certificate.NotAfter
	a.Server.fill(template)
	leaf, err := sign(template, &root)
	if err != nil {
		return done, err
	}
	if err := a.write(KeyFile, leaf.pair.Key, 0o600); err != nil {
		return done, err
	}
	done.Server = true
	return done, a.write(ChainFile, append(leaf.pair.Certificate, root.pair.Certificate...), 0o644)
}

// root is the authority's certificate and key, which are made if there are none, or they are about to end.
func (a Authority) root(now time.Time) (signed, Renewed, error) {
	path := filepath.Join(a.Dir, AuthorityFile)
	content, err := os.ReadFile(path)
	if err == nil {
		kept, err := readSigned(content)
		if err != nil {
			return kept, Renewed{}, &Error{
				path, err.Error(),
				"restore it, or delete it: then the next start makes another authority, which clients have to trust instead",
			}
		}
		if begins := kept.certificate.NotBefore; now.Before(begins) { // or it was made while the clock was wrong
			return kept, Renewed{}, &Error{
				path, "it begins on " + date(begins), "check the clock of this machine; if that is right, delete the file: " +
					"then the next start makes another authority, which clients have to trust instead",
			}
		}
		if kept.certificate.NotAfter.Sub(now) > RenewBefore {
			return kept, Renewed{}, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return signed{}, Renewed{}, fmt.Errorf("read a local authority: %w", err)
	}
	template := newTemplate(a.Name, now, authorityLife)
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	made, err := sign(template, nil)
	if err == nil {
		err = a.write(AuthorityFile, append(slices.Clone(made.pair.Certificate), made.pair.Key...), 0o600)
	}
	return made, Renewed{Authority: true}, err
}

// readSigned reads a certificate and its key from one file.
func readSigned(content []byte) (signed, error) {
	pair, err := tls.X509KeyPair(content, content)
	if err != nil {
		return signed{}, errors.New("it does not hold a certificate and its key")
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return signed{}, errors.New("what it holds is no authority's")
	}
	return signed{certificate: pair.Leaf, key: key, pair: Pair{Certificate: encode(pair.Leaf)}}, nil
}

// current tells whether the server's certificate is the authority's, has the names, and is valid for as long.
func (a Authority) current(root signed, now time.Time) bool {
	s, err := Load(a.Dir, now)
	if err != nil || s.Leaf.CheckSignatureFrom(root.certificate) != nil ||
		s.Leaf.NotAfter.Before(root.certificate.NotAfter) {
		return false
	}
	return slices.Equal(s.Leaf.DNSNames, a.Server.DNS) &&
		slices.EqualFunc(s.Leaf.IPAddresses, a.Server.IPs, net.IP.Equal)
}

// write writes a file of the directory, whole or not at all, if it does not hold that already.
func (a Authority) write(name string, content []byte, mode fs.FileMode) error {
	path := filepath.Join(a.Dir, name)
	if had, err := os.ReadFile(path); err == nil && bytes.Equal(had, content) {
		return nil
	}
	if err := renameio.WriteFile(path, content, mode); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}
