package config

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
)

// ACME is the authority that issues certificates; without it that is Let's Encrypt.
type ACME struct {
	Directory string // the address of its directory; may be empty
	Root      string // absolute; the file that its server is trusted by. May be empty
	RootPEM   string // what that file holds
}

func acmeOptions() []option {
	return []option{
		{
			Setting: Setting{
				Key: "acme.directory", Env: "ACME_DIRECTORY",
				Allowed: "an https address such as https://ca.example.org/acme/directory",
				Help: "Directory of the authority that issues certificates; without it Let's Encrypt's, and its staging " +
					"unless le_email is set",
			},
			set: text(func(c *Config) *string { return &c.ACME.Directory }, httpsAddress),
		},
		{
			Setting: Setting{
				Key: "acme.root", Env: "ACME_ROOT",
				Allowed: "a file with certificates in PEM, absolute or relative to the checkout",
				Help:    "Whom the authority's own server is trusted by, where machines do not trust it by themselves",
			},
			set: acmeRoot,
		},
	}
}

// httpsAddress is what a client of an authority is given.
func httpsAddress(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return "", errors.New("is not an https address")
	}
	return oneLine(raw)
}

// acmeRoot reads a file, as the containers have no other way to it.
func acmeRoot(c *Config, s scope, raw string) (string, error) {
	shown, err := localPath(func(c *Config) *string { return &c.ACME.Root })(c, s, raw)
	if err != nil {
		return shown, err
	}
	content, err := os.ReadFile(c.ACME.Root)
	if err != nil {
		return "", errors.New("cannot be read")
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		return "", errors.New("holds no certificate in PEM")
	}
	c.ACME.RootPEM = string(content)
	return shown, nil
}
