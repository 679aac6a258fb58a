package certificate

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
)

// ReadPair reads the pair of a directory, see [KeyPair].
func ReadPair(dir string) (tls.Certificate, error) {
	chain, err := os.ReadFile(filepath.Join(dir, ChainFile))
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := os.ReadFile(filepath.Join(dir, KeyFile))
	if err != nil {
		return tls.Certificate{}, err
	}
	return KeyPair(chain, key)
}

// KeyPair is a pair that fits, and whose chain is whole.
func KeyPair(chain, key []byte) (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(chain, key)
	if err == nil {
		err = whole(chain)
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	return pair, nil
}

// whole refuses a text with a certificate that is cut off, as on a disk that was full. Go leaves such a one out;
// OpenSSL refuses all of the text then, and some servers end with it.
func whole(text []byte) error {
	begun := bytes.Count(append([]byte("\n"), text...), []byte("\n-----BEGIN "))
	read := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		read++
	}
	if read < begun {
		return errors.New("a certificate in it is cut off, or damaged")
	}
	return nil
}
