package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// demoEntity and demoSecret are made for this and open nothing.
const (
	demoEntity = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"
	demoSecret = "sandbox-7e577e577e577e577e577e577e577e577e577e57"
)

// withDemo gives the service secrets, keys and a database in a temporary folder, and prints a line to try it with.
func withDemo(s settings, out io.Writer, run func(settings) error) error {
	dir, err := os.MkdirTemp("", "truhook-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.file, s.truvSecret, s.transunionEntity = filepath.Join(dir, "hooks.db"), demoSecret, demoEntity
	s.transunionPlatform, s.transunionPrivate = filepath.Join(dir, "platform"), filepath.Join(dir, "private")
	for _, folder := range []string{s.transunionPlatform, s.transunionPrivate} {
		if _, err := writeKey(folder, folder == s.transunionPrivate); err != nil {
			return err
		}
	}
	key, err := hmacsig.NewKey("demo", demoSecret)
	if err != nil {
		return err
	}
	body := `{"webhook_id":"demo-1","event_type":"order-status-updated","order_id":"1","status":"completed"}`
	h := http.Header{}
	if err := truv.Scheme().Sign(h, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		return err
	}
	fmt.Fprintf(out, "try, and repeat:\n\n  curl -i http://%s/webhooks/truv -H 'X-WEBHOOK-SIGN: %s' --data-binary '%s'\n  curl http://%s/metrics\n\n",
		s.addr, h.Get("X-Webhook-Sign"), body, s.admin)
	return run(s)
}

// writeKey makes a key pair and writes its private or its public half into a new folder.
func writeKey(folder string, private bool) (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "PRIVATE KEY"}
	if private {
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	} else {
		block.Type = "PUBLIC KEY"
		block.Bytes, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	return key, os.WriteFile(filepath.Join(folder, "key.pem"), pem.EncodeToMemory(block), 0o600)
}
