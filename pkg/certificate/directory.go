package certificate

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The files of a server's certificate in a directory, as certbot and others name them.
const (
	ChainFile = "fullchain.pem" // the server's own certificate first
	KeyFile   = "privkey.pem"
	RootFile  = "root.pem"  // whom clients trust; the other files may hold it as well
	issuers   = "chain.pem" // those above the server's own
)

// Server is a server's certificate with whom its clients trust.
type Server struct {
	Dir      string
	Chain    []byte // in PEM, the server's own first
	Key      []byte // in PEM; nil of one that [Public] has read
	Leaf     *x509.Certificate
	RootPath string // the file that has Roots
	Roots    []byte // in PEM
}

// Error is a certificate that cannot be used.
type Error struct {
	Path   string
	Reason string
	Remedy string
}

// Error says what is wrong, and what to do.
func (e *Error) Error() string {
	return fmt.Sprintf("read certificate %q: %s; %s", e.Path, e.Reason, e.Remedy)
}

// Public reads what clients need to know of the certificate in dir. It does not judge it.
func Public(dir string) (Server, error) {
	s := Server{Dir: dir}
	var err error
	if s.Chain, err = s.read(ChainFile, "put the certificate there, those of its issuers behind it"); err != nil {
		return s, err
	}
	chain, err := certificates(s.Chain)
	if err != nil {
		return s, s.wrong(ChainFile, err.Error(), "it must hold certificates in PEM, the server's own first")
	}
	s.Leaf = chain[0]
	return s, s.findRoots()
}

// Load reads the certificate in dir with its key, and refuses what no server could use or no client would believe.
func Load(dir string, now time.Time) (Server, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		reason := "it is not a directory"
		if err != nil {
			reason = plain(err)
		}
		return Server{}, &Error{dir, reason, "name a directory that holds " + ChainFile + " and " + KeyFile}
	}
	s, err := Public(dir)
	if err != nil {
		return s, err
	}
	if s.Key, err = s.read(KeyFile, "put the certificate's key there"); err != nil {
		return s, err
	}
	if err := s.judgeKey(); err != nil {
		return s, err
	}
	return s, s.judge(now)
}

// read reads a file of the directory.
func (s Server) read(name, missing string) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(s.Dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, s.wrong(name, "there is no such file", missing)
	case errors.Is(err, fs.ErrPermission):
		return nil, s.wrong(name, "this user may not read it", "let it be readable for whoever runs mage, and nobody else")
	case err != nil:
		return nil, s.wrong(name, plain(err), missing)
	}
	return content, nil
}

func (s Server) wrong(name, reason, remedy string) *Error {
	return &Error{filepath.Join(s.Dir, name), reason, remedy}
}

// plain is an error of a file without the path, which is told already.
func plain(err error) string {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err.Error()
	}
	return err.Error()
}

// certificates are those that PEM text holds; there is at least one.
func certificates(text []byte) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != blockCertificate {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("a certificate in it cannot be read: %w", err)
		}
		found = append(found, c)
	}
	if len(found) == 0 {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return found, whole(text)
}

// judgeKey refuses a key that is not the certificate's, or that the server could not use.
func (s Server) judgeKey() error {
	block, _ := pem.Decode(s.Key)
	switch {
	case block == nil:
		return s.wrong(KeyFile, "it holds no key in PEM", "convert it with openssl pkey")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return s.wrong(KeyFile, "the key has a pass phrase, which nobody could type at a start",
			"take it off with openssl pkey")
	}
	pair, err := tls.X509KeyPair(s.Chain, s.Key)
	if err != nil {
		return s.wrong(KeyFile, "it is not the key of the first certificate in "+ChainFile,
			"copy the two from the same issue, the server's own certificate first")
	}
	if key, ok := pair.PrivateKey.(*rsa.PrivateKey); ok && key.N.BitLen() < minRSA {
		return s.wrong(KeyFile, fmt.Sprintf("an RSA key of %d bits is refused by OpenSSL", key.N.BitLen()),
			"have one issued for a longer key")
	}
	return nil
}

// minRSA is the shortest RSA key that OpenSSL takes at the security level of Debian.
const minRSA = 2048

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// judge refuses a certificate that clients would not believe.
func (s Server) judge(now time.Time) error {
	switch {
	case now.After(s.Leaf.NotAfter):
		return s.wrong(ChainFile, "it ended on "+date(s.Leaf.NotAfter), "renew it")
	case now.Before(s.Leaf.NotBefore):
		return s.wrong(ChainFile, "it begins on "+date(s.Leaf.NotBefore), "check the clock of this machine")
	}
	chain, err := certificates(s.Chain)
	if err != nil {
		return err
	}
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Roots)
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	if _, err := s.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: now}); err != nil {
		return s.wrong(ChainFile, fmt.Sprintf("no client that trusts %s would believe it: %v", s.RootPath, err),
			"put the certificate of the authority that issued it beside it as "+RootFile)
	}
	return nil
}

// findRoots finds whom clients have to trust: root.pem, the file that holds a certificate which signs itself, or else
// the authorities that this machine trusts.
func (s *Server) findRoots() error {
	for _, name := range []string{RootFile, ChainFile, issuers} {
		path := filepath.Join(s.Dir, name)
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return s.wrong(name, plain(err), "let it be readable for whoever runs mage")
		}
		found, err := certificates(content)
		if err != nil {
			return s.wrong(name, err.Error(), "it must hold certificates in PEM")
		}
		if name == RootFile || slices.ContainsFunc(found, selfSigned) {
			s.RootPath, s.Roots = path, content
			return nil
		}
	}
	for _, path := range systemRoots() {
		if content, err := os.ReadFile(path); err == nil {
			s.RootPath, s.Roots = path, content
			return nil
		}
	}
	return s.wrong(RootFile, "there is no such file, and this machine trusts no authority",
		"put the certificate of the authority that issued the server's there")
}

// systemRoots are where systems keep the authorities that they trust.
func systemRoots() []string {
	return []string{
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	}
}

// selfSigned tells whether c is a root, or a server's own that signs itself.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) &&
		c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// Host is the name by which a server on 127.0.0.1 is found to be the certificate's: its address or localhost if the
// certificate has it, or else preferred, or its first name.
func (s Server) Host(preferred string) (string, error) {
	for _, host := range []string{"127.0.0.1", "localhost", preferred} {
		if host != "" && s.Leaf.VerifyHostname(host) == nil {
			return host, nil
		}
	}
	for _, name := range s.Leaf.DNSNames {
		if !strings.Contains(name, "*") {
			return name, nil
		}
	}
	return "", s.wrong(ChainFile, "it has no name that a client could check", "have one issued that also names localhost")
}
