package bench

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-github/v88/github"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

const benchSecret = "sandbox-0000test0only0000test0only0000test0only0"

var sizes = []struct {
	name string
	n    int
}{{"256B", 256}, {"1KiB", 1 << 10}, {"10KiB", 10 << 10}, {"100KiB", 100 << 10}, {"1MiB", 1 << 20}}

// floorHMAC is the least that is safe for concurrent use: a pool of keyed HMACs and a hex signature with a prefix. It
// allocates nothing.
type floorHMAC struct{ pool sync.Pool }

type floorItem struct {
	hash.Hash
	want [32]byte // here, as it would escape from the stack
}

func newFloor(secret string) *floorHMAC {
	f := &floorHMAC{}
	f.pool.New = func() any { return &floorItem{Hash: hmac.New(sha256.New, []byte(secret))} }
	return f
}

func (f *floorHMAC) verify(header string, body []byte) bool {
	text, ok := strings.CutPrefix(header, "v1=")
	if !ok || len(text) != 64 {
		return false
	}
	var digits [64]byte // []byte(text) would allocate
	var given [32]byte
	copy(digits[:], text)
	if _, err := hex.Decode(given[:], digits[:]); err != nil {
		return false
	}
	m := f.pool.Get().(*floorItem)
	m.Write(body)
	equal := hmac.Equal(given[:], m.Sum(m.want[:0]))
	m.Reset()
	f.pool.Put(m)
	return equal
}

func signed(tb testing.TB, size int) *truhook.Delivery {
	tb.Helper()
	key, err := hmacsig.NewKey("bench", benchSecret)
	require.NoError(tb, err)
	d := &truhook.Delivery{
		Method: http.MethodPost, RequestURI: "/webhooks/truv", Header: http.Header{},
		Body: bytes.Repeat([]byte("x"), size), Received: time.Now(),
	}
	require.NoError(tb, truv.Scheme().Sign(d.Header, key, hmacsig.Message{Body: d.Body}))
	return d
}

// BenchmarkHMAC: one verification beside a pooled crypto/hmac.
func BenchmarkHMAC(b *testing.B) {
	v, err := truv.New(benchSecret)
	require.NoError(b, err)
	floor := newFloor(benchSecret)
	ctx := context.Background()
	for _, size := range sizes {
		d := signed(b, size.n)
		b.Run(size.name, func(b *testing.B) {
			ratio(b, func() {
				if !floor.verify(d.Header["X-Webhook-Sign"][0], d.Body) {
					b.Fatal("the floor refuses")
				}
			}, func() {
				if _, err := v.Verify(ctx, d); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkPeers: what others take for the same body, beside the same floor. go-github and standard-webhooks check
// their own schemes, which do a little more or less than "v1=" and hex.
func BenchmarkPeers(b *testing.B) {
	for _, size := range sizes[1:4] {
		d := signed(b, size.n)
		floor := newFloor(benchSecret)
		atFloor := func() {
			if !floor.verify(d.Header["X-Webhook-Sign"][0], d.Body) {
				b.Fatal("the floor refuses")
			}
		}
		b.Run("go-github/"+size.name, func(b *testing.B) {
			key, err := hmacsig.NewKey("bench", benchSecret)
			require.NoError(b, err)
			h := http.Header{}
			scheme := hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="}
			require.NoError(b, scheme.Sign(h, key, hmacsig.Message{Body: d.Body}))
			signature, secret := h.Get(scheme.Header), []byte(benchSecret)
			ratio(b, atFloor, func() {
				if err := github.ValidateSignature(signature, d.Body, secret); err != nil {
					b.Fatal(err)
				}
			})
		})
		b.Run("standard-webhooks/"+size.name, func(b *testing.B) {
			wh, err := standardwebhooks.NewWebhookRaw([]byte(benchSecret))
			require.NoError(b, err)
			now := time.Now()
			signature, err := wh.Sign("msg_bench", now, d.Body)
			require.NoError(b, err)
			h := http.Header{}
			h.Set("webhook-id", "msg_bench")
			h.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
			h.Set("webhook-signature", signature)
			ratio(b, atFloor, func() {
				if err := wh.Verify(d.Body, h); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkMiddleware: the whole handler beside one that reads the body into one buffer of its length and verifies at
// the floor. Reads B/op and allocs/op as what the middleware adds.
func BenchmarkMiddleware(b *testing.B) {
	v, err := truv.New(benchSecret)
	require.NoError(b, err)
	floor := newFloor(benchSecret)
	for _, size := range sizes {
		d := signed(b, size.n)
		handler := truhook.NewMiddleware(v, truhook.Config{}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		body := bytes.NewReader(d.Body)
		r := &http.Request{Method: http.MethodPost, RequestURI: d.RequestURI, Header: d.Header, ContentLength: int64(len(d.Body))}
		w := discard{http.Header{}}
		b.Run(size.name, func(b *testing.B) {
			ratio(b, func() {
				body.Reset(d.Body)
				read := make([]byte, len(d.Body))
				if _, err := io.ReadFull(body, read); err != nil || !floor.verify(d.Header["X-Webhook-Sign"][0], read) {
					b.Fatal("the floor refuses")
				}
			}, func() {
				body.Reset(d.Body)
				r.Body = io.NopCloser(body)
				handler.ServeHTTP(w, r)
			})
		})
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(status int) {
	if status != http.StatusOK {
		panic(status)
	}
}
