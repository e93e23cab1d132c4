package keysig

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/fetch"
)

// NewCertificateKeys returns a source for providers whose deliveries name the URL of a certificate (Scheme.KeyID is the
// header that holds it). host is the one host that certificates come from, exactly, such as "certs.example.com": a URL
// of another host, another scheme than https, with a port, a user, a query or a fragment is an unknown key. The
// certificate must lead to roots for the name of dnsName, which a nil roots takes from the system; other certificates
// of the response are intermediates. Its validity is that of the key.
//
// An empty host or dnsName and limits below zero are errors. A nil client is a plain one.
func NewCertificateKeys(host, dnsName string, roots *x509.CertPool, client *http.Client, cfg hmacsig.CacheConfig) (*CachedKeys, error) {
	if host == "" || dnsName == "" || strings.ContainsAny(host, "/:@?#*% ") || host != strings.ToLower(host) {
		return nil, errors.New("keysig: the host, in lower case, and the DNS name of the certificate are required")
	}
	client = fetch.Client(client)
	now := configOf(cfg).Now
	return NewCachedKeysByID(func(ctx context.Context, keyID string) ([]Key, error) {
		if !pinned(keyID, host) {
			return nil, nil
		}
		r, err := fetch.Get(ctx, client, keyID, 64<<10)
		if err != nil {
			return nil, err
		}
		if r.Status == http.StatusNotFound || r.Status == http.StatusGone {
			return nil, nil
		}
		if err := r.OK(now()); err != nil {
			return nil, err
		}
		leaf, intermediates, err := parseChain(r.Body)
		if err != nil {
			return nil, err
		}
		_, err = leaf.Verify(x509.VerifyOptions{
			DNSName: dnsName, Roots: roots, Intermediates: intermediates, CurrentTime: now(),
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		})
		if err != nil {
			return nil, errors.New("the certificate does not lead to a root for its name")
		}
		return []Key{{ID: keyID, Public: leaf.PublicKey, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}}, nil
	}, cfg)
}

// pinned reports whether text is an https URL of host and of nothing else.
func pinned(text, host string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host == host && u.User == nil && u.RawQuery == "" && !u.ForceQuery &&
		u.Fragment == "" && u.Opaque == "" && text == "https://"+host+u.EscapedPath() && !strings.Contains(text, "..")
}

const maxChain = 8

func parseChain(data []byte) (leaf *x509.Certificate, intermediates *x509.CertPool, err error) {
	intermediates = x509.NewCertPool()
	for n := 0; ; n++ {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		if n == maxChain {
			return nil, nil, fmt.Errorf("there are more than %d certificates", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			return nil, nil, errors.New("a PEM block is no certificate")
		}
		if leaf == nil {
			leaf = c
		} else {
			intermediates.AddCert(c)
		}
		data = rest
	}
	if leaf == nil {
		return nil, nil, errors.New("there is no certificate")
	}
	return leaf, intermediates, nil
}
