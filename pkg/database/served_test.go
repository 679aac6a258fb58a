package database_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTarget_Served(t *testing.T) {
	t.Parallel()
	answer := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.ReadFull(c, make([]byte, 8))
			_, _ = c.Write([]byte(text))
			_ = c.Close()
		}
	}
	t.Run("of an authority that nobody trusts", func(t *testing.T) {
		t.Parallel()
		served, err := serve(t, withTLS(t, tls.NoClientCert)).Served(t.Context())
		require.NoError(t, err)
		require.NotNil(t, served)
		assert.Contains(t, served.DNSNames, "example.com", "as httptest makes it")
	})
	t.Run("of a server without TLS", func(t *testing.T) {
		t.Parallel()
		served, err := serve(t, answer("N")).Served(t.Context())
		require.NoError(t, err)
		assert.Nil(t, served)
	})
	for name, text := range map[string]string{"that hangs up": "", "that only says that it has TLS": "S"} {
		t.Run("of a server "+name, func(t *testing.T) {
			t.Parallel()
			target := serve(t, answer(text))
			_, err := target.Served(t.Context())
			require.ErrorContains(t, err, "ask "+target.Address()+" for its certificate: ")
		})
	}
	t.Run("of a server that says nothing", func(t *testing.T) {
		t.Parallel()
		target := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := target.Served(ctx)
		require.ErrorContains(t, err, "for its certificate: ")
	})
}
