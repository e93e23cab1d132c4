package main_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	command "github.com/truhook/truhook/cmd/truhook"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

const testEntity = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"

// privatePEM returns a private key made for tests.
func privatePEM(t testing.TB, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// secretLine returns a line of a secrets file with a key for the row, written as the provider writes it.
func secretLine(t testing.TB, row catalog.Provider) string {
	t.Helper()
	text := row.Form().KeyText
	raw := []byte("truhook-test-only-" + row.Name + "-0123456789abcdef")
	if row.PublicKeyScheme != (keysig.Scheme{}) {
		var key crypto.Signer
		var err error
		switch row.PublicKeyScheme.Algorithm {
		case keysig.ECDSA, keysig.ECDSARaw:
			key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		case keysig.RSAPKCS1v15, keysig.RSAPSS:
			key, err = rsa.GenerateKey(rand.Reader, 2048)
		default:
			_, key, err = ed25519.GenerateKey(rand.Reader)
		}
		require.NoError(t, err)
		return row.Name + "/test:base64=" + base64.StdEncoding.EncodeToString([]byte(privatePEM(t, key)))
	}
	value := string(raw)
	switch text.Encoding {
	case hmacsig.KeyHex:
		value = hex.EncodeToString(raw)
	case hmacsig.KeyBase64:
		value = base64.StdEncoding.EncodeToString(raw)
	}
	if kept := strings.Fields(text.Kept); len(kept) > 0 {
		value = kept[0] + value
	}
	return row.Name + "/test=" + text.Prefix + value
}

// program runs truhook and returns its exit code and what it printed.
func program(t testing.TB, args ...string) (int, string) {
	t.Helper()
	return command.Run(t.Context(), args...)
}

// patient is a time-out for sends that are not about time: on a machine that does other things too, a refusal is
// explained for long, and the next delivery waits for it.
const patient = "5m"

func TestSend_AgainstListenForEveryRowOfTheCatalog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var secrets strings.Builder
	rows := 0
	for row := range catalog.All() {
		fmt.Fprintln(&secrets, secretLine(t, row))
		rows++
	}
	file := filepath.Join(dir, "secrets.txt")
	require.NoError(t, os.WriteFile(file, []byte(secrets.String()), 0o600))
	event := filepath.Join(dir, "event.json")
	require.NoError(t, os.WriteFile(event, []byte(`{"id":"1","type":"a.b"}`), 0o600))
	l := startListen(t, "-secrets", file, "-url", "https://receiver.example/hooks")
	n := 0
	for row := range catalog.All() {
		url := l.receiver + "/hooks"
		if strings.Contains(row.Form().Content, "{url}") { // send signs for where it delivers to, which is not the public URL here
			code, out := program(t, "send", "-provider", row.Name, "-secrets", file, "-n", "file", event, "https://receiver.example/hooks")
			require.Zero(t, code, "%s: %s", row.Name, out)
			require.NoError(t, os.WriteFile(filepath.Join(dir, "sent.http"), []byte(out), 0o600))
			code, out = program(t, "verify", "-provider", row.Name, "-url", "https://receiver.example/hooks", "-secrets", file, filepath.Join(dir, "sent.http"))
			require.Zero(t, code, "%s: %s", row.Name, out)
			continue
		}
		n++
		code, out := program(t, "send", "-provider", row.Name, "-secrets", file, "-scale", "0", "-timeout", patient, event, url)
		assert.Zero(t, code, "%s: %s", row.Name, out)
		assert.Contains(t, l.line(), " verified ", row.Name)
		if n%10 != 1 {
			continue // each refusal is explained with the keys of a hundred other providers, which takes its time
		}
		code, out = program(t, "send", "-provider", row.Name, "-secrets", file, "-fault", "tampered-body", "-scale", "0", "-timeout", patient, event, url)
		_ = out
		assert.Contains(t, []int{0, 1}, code) // a policy may deliver again, and then without the fault
		assert.Contains(t, l.line(), " refused ", row.Name)
		if code == 0 {
			assert.Contains(t, l.line(), " verified ", row.Name)
		}
	}
	assert.GreaterOrEqual(t, rows, 95)
	assert.GreaterOrEqual(t, n, 90)
}

func TestSend_AgainstListenForOwnProvidersWithEveryFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys")
	require.NoError(t, os.Mkdir(keys, 0o700))
	for _, name := range []string{"platform-test", "service-test"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(keys, name+".pem"), []byte(privatePEM(t, key)), 0o600))
	}
	secrets := filepath.Join(dir, "secrets.txt")
	require.NoError(t, os.WriteFile(secrets, []byte("truv/test=truhook-test-only-truv\ntrulioo/test=truhook-test-only-trulioo\n"+
		"truval/test=truhook-test-only-truval\n"), 0o600))
	event := filepath.Join(dir, "event.json")
	require.NoError(t, os.WriteFile(event,
		[]byte(`{"webhook_id":"1","type":"DEVICE_LINK_COMPLETION","device_id":"1","public_key":"k","public_key_id":"i"}`), 0o600))
	faults := map[string]bool{ // whether the first attempt is accepted
		"unsigned": false, "empty-signature": false, "malformed-signature": false, "tampered-signature": false,
		"tampered-body": false, "tampered-layout": false, "wrong-key": false, "duplicate": true, "concurrent-duplicate": true,
		"timeout": true, "reset-after": true, "": true, "stale": true, "reset-before": true,
	}
	for _, name := range []string{"truv", "trulioo", "truval", "transunion"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := []string{"-provider", name, "-secrets", secrets, "-keys", keys, "-entity", testEntity}
			for fault, accepted := range faults {
				l := startListen(t, given...)
				args, timeout := append([]string{"send"}, given...), patient
				if fault == "timeout" { // it lasts for as long as this
					timeout = "5s"
				}
				args = append(args, "-scale", "0", "-timeout", timeout, "-fault", fault, event, l.receiver+"/hooks")
				_, out := program(t, args...)
				if fault == "reset-before" && !strings.Contains(out, "attempt 2") {
					assert.Contains(t, out, "no response", name) // it never arrives, and this provider does not come again
					continue
				}
				line := l.line()
				if accepted && !(fault == "stale" && name == "transunion") { // the others sign no time
					assert.Contains(t, line, " verified ", "%s: %s", fault, out)
				} else {
					assert.Contains(t, line, " refused ", "%s: %s", fault, out)
				}
				assert.NotContains(t, out+line, "truhook-test-only", fault)
			}
		})
	}
}
