package database

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Where [Target.JDBC] expects the certificates inside Liquibase's container.
const (
	ClientRootCert = "/liquibase/run/tls/root.crt"
	ClientCert     = "/liquibase/run/tls/client.crt"
	ClientKey      = "/liquibase/run/tls/client.pk8"
)

// ClientFile is a file that the JDBC driver needs in its container. Its mode must be 0400, its owner the user
// who runs Liquibase.
type ClientFile struct {
	Path    string
	Content []byte
}

// ClientFiles reads the certificates that t names and returns them as the JDBC driver wants them: the key in
// PKCS #8 DER instead of PEM. A target without certificates has none. Where the login must be bound to the server's
// certificate, that one is all that the driver trusts, so the server must have been reached before.
func (t Target) ClientFiles() ([]ClientFile, error) {
	files, err := t.certificates()
	switch {
	case err != nil || t.ChannelBinding != "require":
		return files, err
	case t.Reached.Certificate == "":
		return nil, errors.New("hold channel_binding=require: the server was not verified before")
	}
	files = slices.DeleteFunc(files, func(f ClientFile) bool { return f.Path == ClientRootCert })
	return append(files, ClientFile{ClientRootCert, []byte(t.Reached.Certificate)}), nil
}

// certificates reads and checks the files that t names.
func (t Target) certificates() ([]ClientFile, error) {
	var files []ClientFile
	if t.SSLRootCert != "" {
		root, err := os.ReadFile(t.SSLRootCert)
		if err != nil {
			return nil, fmt.Errorf("read sslrootcert: %w", err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(root) {
			return nil, fmt.Errorf("read sslrootcert: %q holds no PEM certificate", t.SSLRootCert)
		}
		files = append(files, ClientFile{ClientRootCert, root})
	}
	if t.SSLCert == "" {
		return files, nil
	}
	cert, err := os.ReadFile(t.SSLCert)
	if err != nil {
		return nil, fmt.Errorf("read sslcert: %w", err)
	}
	key, err := os.ReadFile(t.SSLKey)
	if err != nil {
		return nil, fmt.Errorf("read sslkey: %w", err)
	}
	if block, _ := pem.Decode(key); block != nil &&
		(block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "") {
		return nil, fmt.Errorf("read sslkey: %q is encrypted; use a key file that is not", t.SSLKey)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read sslcert and sslkey: %w", errors.New("they are not a certificate and its key in PEM"))
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("convert sslkey: %w", err)
	}
	return append(files, ClientFile{ClientCert, cert}, ClientFile{ClientKey, der}), nil
}
