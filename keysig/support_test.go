package keysig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

var now = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

const body = `{"id":"evt_1","type":"order.created","note":"caf\u00e9"}`

// privateKeys are made anew for each run, but that of Ed25519: the processes of a fuzz run have to see the same one.
var privateKeys = sync.OnceValue(func() map[keysig.Algorithm]crypto.Signer {
	ed := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return map[keysig.Algorithm]crypto.Signer{
		keysig.Ed25519: ed, keysig.ECDSA: ec, keysig.ECDSARaw: ec, keysig.RSAPKCS1v15: r, keysig.RSAPSS: r,
	}
})

func scheme(a keysig.Algorithm) keysig.Scheme {
	return keysig.Scheme{
		Form: hmacsig.Scheme{
			Name: "acme", Header: "Acme-Signature", Prefix: "v1,", Separator: " ", Encoding: hmacsig.Base64,
			Content: "{id}.{timestamp}.{body}", ID: "Acme-Id", Timestamp: "Acme-Timestamp", Tolerance: 5 * time.Minute,
		},
		Algorithm: a,
	}
}

func key(a keysig.Algorithm, id string) keysig.Key {
	return keysig.Key{ID: id, Public: privateKeys()[a].Public()}
}

func signedBy(t testing.TB, s keysig.Scheme, private crypto.Signer) *truhook.Delivery {
	t.Helper()
	d := &truhook.Delivery{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), Received: now}
	require.NoError(t, s.Sign(d.Header, private, hmacsig.Message{ID: "evt_1", Time: now, Body: d.Body}))
	return d
}

func verifier(t testing.TB, s keysig.Scheme, keys ...keysig.Key) *keysig.Verifier {
	t.Helper()
	v, err := keysig.New(s, keysig.StaticKeys(keys...), keysig.Config{})
	require.NoError(t, err)
	return v
}

func requireReason(t testing.TB, want truhook.Reason, v truhook.Verifier, d *truhook.Delivery) {
	t.Helper()
	verified, err := v.Verify(t.Context(), d)
	require.Equal(t, want, truhook.ReasonOf(err), "%v", err)
	require.Equal(t, want == "", verified != nil)
}
