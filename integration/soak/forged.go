package soak

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/truhooktest"
)

// forgedEvent begins the ids of events that no provider has sent.
const forgedEvent = "forged-"

// A forgery signs an event and spoils the request.
type forgery struct {
	name, path string
	sign       func(d *driver) truhooktest.Signer // nil: as the provider does
	age        time.Duration
	spoil      func(r *http.Request, body []byte) []byte // nil: not at all
}

const truvHeader, tokenHeader = "X-Webhook-Sign", "X-Iov-Jwt"

func forgeries() []forgery {
	all := []forgery{{name: "a wrong secret", path: "/redis", sign: func(*driver) truhooktest.Signer {
		key, err := hmacsig.NewKey("forged", "sandbox-a secret that nobody has configured")
		if err != nil {
			panic(err)
		}
		return truhooktest.HMAC(truv.Scheme(), key)
	}}}
	spoils := map[string]func(header string) func(r *http.Request, body []byte) []byte{
		"no signature": func(header string) func(r *http.Request, body []byte) []byte {
			return func(r *http.Request, body []byte) []byte { r.Header.Del(header); return body }
		},
		"a signature that is cut": func(header string) func(r *http.Request, body []byte) []byte {
			return func(r *http.Request, body []byte) []byte {
				v := r.Header.Get(header)
				r.Header.Set(header, v[:len(v)-4])
				return body
			}
		},
		"a signature of another event": func(header string) func(r *http.Request, body []byte) []byte {
			return func(r *http.Request, body []byte) []byte {
				v := []byte(r.Header.Get(header))
				v[len(v)-8] = map[bool]byte{true: '0', false: '1'}[v[len(v)-8] == '1']
				r.Header.Set(header, string(v))
				return body
			}
		},
		"two signatures": func(header string) func(r *http.Request, body []byte) []byte {
			return func(r *http.Request, body []byte) []byte {
				r.Header[header] = append(r.Header[header], "v1="+strings.Repeat("0", 64))
				return append(bytes.Clone(body), ' ')
			}
		},
		"a body with one bit changed": func(string) func(r *http.Request, body []byte) []byte {
			return func(_ *http.Request, body []byte) []byte {
				body = bytes.Clone(body)
				body[len(body)/2] ^= 1
				return body
			}
		},
		"a body that is cut": func(string) func(r *http.Request, body []byte) []byte {
			return func(_ *http.Request, body []byte) []byte { return body[:len(body)-1] }
		},
		"no body": func(string) func(r *http.Request, body []byte) []byte {
			return func(*http.Request, []byte) []byte { return nil }
		},
	}
	for path, header := range map[string]string{"/redis": truvHeader, "/postgres": truvHeader, "/transunion": tokenHeader} {
		for name, spoil := range spoils {
			all = append(all, forgery{name: name, path: path, spoil: spoil(header)})
		}
	}
	token := func(name string, change func(cfg *truhooktest.TransUnionConfig)) {
		all = append(all, forgery{name: name, path: "/transunion", sign: func(d *driver) truhooktest.Signer {
			return d.platform.signer(change)
		}})
	}
	stranger, err := newPlatformKey()
	if err != nil {
		panic(err)
	}
	token("another key under a known id", func(cfg *truhooktest.TransUnionConfig) { cfg.Platform.Key = stranger.private })
	token("an unknown key", func(cfg *truhooktest.TransUnionConfig) {
		cfg.Platform = jose.PrivateKey{ID: stranger.id, Key: stranger.private}
	})
	token("another service's", func(cfg *truhooktest.TransUnionConfig) { cfg.Entity = "svc:00000000-0000-4000-8000-000000000000" })
	token("not encrypted", func(cfg *truhooktest.TransUnionConfig) { cfg.Plain = true })
	return append(all,
		forgery{name: "an old token", path: "/transunion", age: 10 * time.Minute},
		forgery{name: "a token from the future", path: "/transunion", age: -10 * time.Minute},
		forgery{name: "a malformed token", path: "/transunion", spoil: func(r *http.Request, body []byte) []byte {
			r.Header.Set(tokenHeader, "e30."+r.Header.Get(tokenHeader))
			return body
		}},
		forgery{name: "a token for another path", path: "/redis", sign: func(d *driver) truhooktest.Signer { return d.platform.signer(nil) }},
		forgery{name: "Truv's signature", path: "/transunion", sign: func(d *driver) truhooktest.Signer { return d.truv.signer() }},
	)
}

// forge sends one of each.
func (d *driver) forge(ctx context.Context) {
	for i, f := range d.forgeries() {
		id := fmt.Sprintf("%s%d-%d", forgedEvent, i, d.next.Add(1))
		sign := d.signer(f.path)
		if f.sign != nil {
			sign = f.sign(d)
		}
		req, err := d.request(ctx, f.path, sign, payload(f.path, id), time.Now().Add(-f.age))
		if err != nil {
			d.odd("%s: %v", f.name, err)
			return
		}
		if f.spoil != nil {
			body, _ := io.ReadAll(req.Body)
			body = f.spoil(req, body)
			req.Body, req.ContentLength, req.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
			if len(body) == 0 {
				req.Body = http.NoBody
			}
		}
		resp, err := d.client.Do(req)
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		d.forged(f.name, resp.StatusCode)
		select {
		case <-d.stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}
