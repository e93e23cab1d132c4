package catalog_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

// signedByAnother returns the signature header of the delivery under a key that is not the vector's.
func signedByAnother(t testing.TB, p catalog.Provider, v vector, d *truhook.Delivery) string {
	t.Helper()
	scheme := p.Scheme
	scheme.KeyText = hmacsig.KeyText{}
	key, err := hmacsig.NewKey("another", "made-for-tests-0123456789abcdef0123456789")
	require.NoError(t, err)
	h := d.Header.Clone()
	m := hmacsig.Message{ID: h.Get(p.Scheme.ID), Time: d.Received, Body: d.Body, Method: d.Method, URL: v.URL}
	if p.Scheme.ID == "" {
		m.ID = ""
	}
	if p.Scheme.Timestamp == "" {
		m.Time = m.Time.Truncate(0)
	}
	require.NoError(t, scheme.Sign(h, key, m))
	return h.Get(http.CanonicalHeaderKey(signatureHeaders(p)[0]))
}
