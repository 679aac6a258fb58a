package database

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/poststack/poststack/pkg/secret"
)

// scramIterations is PostgreSQL's own default (scram_iterations).
const scramIterations = 4096

// Verifier is what a server keeps of a password to be able to check it, as CREATE ROLE takes it: the server's log and
// pg_stat_activity then never see the password itself. The password must be ASCII. Source: RFC 5802 and 7677, and
// PostgreSQL's manual, pg_authid.
func Verifier(password secret.Value) (secret.Value, error) {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive password verifier: %w", err)
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return secret.Value(fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s",
		scramIterations, text(salt), text(stored[:]), text(keyed(salted, "Server Key")))), nil
}

func keyed(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message)) // a hash never fails
	return h.Sum(nil)
}
