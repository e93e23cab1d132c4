package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/truhooktest"
)

func catalogProviders() []provider {
	var all []provider
	for row := range catalog.All() {
		all = append(all, provider{name: row.Name, title: row.Title, scheme: row.Form(), policy: row.Retry, row: &row})
	}
	return all
}

// asymmetric reports whether p signs with a key pair.
func (p provider) asymmetric() bool { return p.row != nil && p.row.PublicKeyScheme != keysig.Scheme{} }

// A held key is one of the keyring's, of either kind.
type held struct {
	secret  hmacsig.Key
	public  keysig.Key
	private crypto.Signer // of a key pair, where a private key made for tests was given
}

// key reads what the secrets file says of one key of p.
func (p provider) key(s secret) (held, error) {
	if p.asymmetric() {
		return p.publicKey(s)
	}
	key, err := p.scheme.NewKey(s.id, s.value)
	if prefix := p.scheme.KeyText.Prefix; err != nil && p.row != nil && prefix != "" {
		if _, known := p.row.New(catalog.Config{URL: p.needsURL("https://receiver.example/")}, s.value); known == nil {
			key, err = p.scheme.NewKey(s.id, prefix+s.value) // the row takes secrets without their prefix too
		}
	}
	if err != nil {
		return held{}, err
	}
	key.NotBefore, key.NotAfter = s.notBefore, s.notAfter
	return held{secret: key}, nil
}

func (p provider) publicKey(s secret) (held, error) {
	var h held
	var err error
	if block, _ := pem.Decode([]byte(s.value)); block != nil && strings.HasSuffix(block.Type, "PRIVATE KEY") {
		parsed, parseErr := x509.ParsePKCS8PrivateKey(block.Bytes)
		signer, ok := parsed.(crypto.Signer)
		if parseErr != nil || !ok {
			return h, fmt.Errorf("key %s/%s: the private key is not one of PKCS #8", s.provider, s.id)
		}
		h.private, h.public = signer, keysig.Key{ID: s.id, Public: signer.Public()}
	} else if h.public, err = p.row.PublicKeyScheme.NewKey(s.id, s.value); err != nil {
		return h, err
	}
	if !s.notBefore.IsZero() || !s.notAfter.IsZero() {
		h.public.NotBefore, h.public.NotAfter = s.notBefore, s.notAfter
	}
	return h, nil
}

// needsURL returns url where p signs it, and nothing elsewhere.
func (p provider) needsURL(url string) string {
	if strings.Contains(p.scheme.Content, "{url}") {
		return url
	}
	return ""
}

// build returns the verifier of p. Without judgeTimes a signed time is reported and not judged.
func (p provider) build(keys []held, url string, judgeTimes bool) (truhook.Verifier, error) {
	if url = p.needsURL(url); url == "" && p.needsURL("x") != "" {
		return nil, usagef("%s signs the public URL of the endpoint: give it with -url", p.name)
	}
	form := p.scheme
	if !judgeTimes && form.Timestamp != "" {
		form.Tolerance = hmacsig.NoWindow
	}
	var v truhook.Verifier
	var err error
	if p.asymmetric() {
		public := make([]keysig.Key, 0, len(keys))
		for _, k := range keys {
			public = append(public, k.public)
		}
		s := p.row.PublicKeyScheme
		s.Form = form
		v, err = keysig.New(s, keysig.StaticKeys(public...), keysig.Config{URL: url})
	} else {
		secrets := make([]hmacsig.Key, 0, len(keys))
		for _, k := range keys {
			secrets = append(secrets, k.secret)
		}
		v, err = hmacsig.New(form, hmacsig.StaticKeys(secrets...), hmacsig.Config{URL: url})
	}
	if err != nil || p.row == nil {
		return v, err
	}
	return p.row.Guard(v), nil
}

var headerPart = regexp.MustCompile(`\{header:([^}]+)\}`)

// signer returns what signs as p does, with the first of the keys, and sets the further headers that p demands.
func (p provider) signer(k *keyring, id string) (truhooktest.Signer, error) {
	keys, err := k.keys(p, id)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, k.noKey(p, id)
	}
	sign := truhooktest.HMAC(p.scheme, keys[0].secret)
	if p.asymmetric() {
		if keys[0].private == nil {
			return nil, fmt.Errorf("%w to sign as %s: give a private key made for tests, as PEM (PKCS #8) in a line %s/ID:base64=…", errNoKey, p.name, p.name)
		}
		sign = truhooktest.PublicKey(p.row.PublicKeyScheme, keys[0].private)
	}
	return func(r *http.Request, e truhooktest.Event, at time.Time) ([]byte, error) {
		if p.row != nil {
			for _, g := range p.row.Guards {
				r.Header.Set(g.Header, g.Value)
			}
		}
		for _, m := range headerPart.FindAllStringSubmatch(p.scheme.Content, -1) {
			if r.Header.Get(m[1]) == "" {
				r.Header.Set(m[1], newID())
			}
		}
		return sign(r, e, at)
	}, nil
}

// newMessageID returns an id that p can sign.
func (p provider) newMessageID() string {
	id := newID()
	if n := p.scheme.IDLength; n > 0 {
		return (id + id + id + id)[:min(n, 4*len(id))]
	}
	return id
}
