package transunion_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func clock(unixNano int64) func() time.Time {
	return func() time.Time { return time.Unix(0, unixNano) }
}

func readPEM(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(keysDir, name+".pem"))
	require.NoError(t, err)
	return data
}

type transport func(r *http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// round answers with what f gives and body, without a network.
func round(f func(r *http.Request) (*http.Response, error), body []byte) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		res, err := f(r)
		if err == nil {
			res.Body = io.NopCloser(bytes.NewReader(body))
		}
		return res, err
	})
}
