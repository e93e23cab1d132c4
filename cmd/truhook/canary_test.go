package main_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/internal/leaktest"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/mtls"
	"github.com/truhook/truhook/recorded"
)

// A household is one verifier whose secrets nobody may see, and what comes to it.
type household struct {
	v          truhook.Verifier
	others     []truhook.Verifier
	canaries   []string // secrets, as they are written and decoded
	expected   []string // signatures that would be accepted for what comes
	deliveries []*truhook.Delivery
	args       []string // of the command, for the same verifier; nil: it has none
	secrets    string   // of its secrets file
}

const canaryText = "7e577e57-q4v9zk2m-canary-w8xj3hbd-0d15ea5e"

// changed are deliveries that are refused for every kind of reason, made of one that would be accepted.
func changed(genuine *truhook.Delivery) []*truhook.Delivery {
	var out []*truhook.Delivery
	add := func(change func(d *truhook.Delivery)) {
		d := *genuine
		d.Header, d.Body = genuine.Header.Clone(), bytes.Clone(genuine.Body)
		change(&d)
		out = append(out, &d)
	}
	add(func(d *truhook.Delivery) { d.Body = append(d.Body, '\n') })
	add(func(d *truhook.Delivery) { d.Body = []byte(base64.StdEncoding.EncodeToString(d.Body)) })
	add(func(d *truhook.Delivery) { d.Body = []byte(`{"another":"body"}`) })
	add(func(d *truhook.Delivery) { d.Body = d.Body[:len(d.Body)/2] })
	add(func(d *truhook.Delivery) { d.Header = http.Header{} })
	add(func(d *truhook.Delivery) {
		for name, lines := range d.Header {
			d.Header[name] = append(lines, lines...)
		}
	})
	add(func(d *truhook.Delivery) {
		for name, lines := range d.Header {
			d.Header[name] = []string{"x" + lines[0]}
		}
	})
	add(func(d *truhook.Delivery) {
		renamed := http.Header{}
		for name, lines := range d.Header {
			renamed[strings.ReplaceAll(name, "-", "_")] = lines
		}
		d.Header = renamed
	})
	return out
}

// overHMAC is the household of a scheme whose secrets are configured in a way that Explain finds.
func overHMAC(t *testing.T, name string, make1 func(secret string) (truhook.Verifier, error), s hmacsig.Scheme, prefix string) map[string]household {
	t.Helper()
	out := map[string]household{}
	raw := prefix + canaryText
	if s.KeyText.Encoding == hmacsig.KeyBase64 {
		raw = s.KeyText.Prefix + base64.StdEncoding.EncodeToString([]byte(canaryText))
	}
	if s.KeyText.Encoding == hmacsig.KeyHex {
		raw = hex.EncodeToString([]byte(canaryText))
	}
	for how, configured := range map[string]string{"as it is": raw, "a blank": raw + " ", "in quotes": `"` + raw + `"`, "in hex": hex.EncodeToString([]byte(raw))} {
		v, err := make1(configured)
		if err != nil {
			for _, form := range leaktest.Forms(canaryText) {
				require.NotContains(t, err.Error(), form)
			}
			continue
		}
		key, err := s.NewKey("sender", raw)
		require.NoError(t, err)
		genuine := &truhook.Delivery{Method: http.MethodPost, RequestURI: "/in", Header: http.Header{}, Body: []byte(`{"id": "evt_1", "note": "caf\u00e9"}`)}
		m := hmacsig.Message{Time: time.Now(), Body: genuine.Body}
		if s.ID != "" {
			m.ID = "msg_1"
		}
		require.NoError(t, s.Sign(genuine.Header, key, m))
		deliveries := changed(genuine)
		var expected []string
		for _, d := range deliveries { // what would have been right for the bodies that come
			h := http.Header{}
			m.Body = d.Body
			require.NoError(t, s.Sign(h, key, m))
			for _, lines := range h {
				if signature := lines[0]; len(signature) > 40 {
					expected = append(expected, signature[len(signature)-30:])
				}
			}
		}
		canaries := []string{canaryText, raw}
		if how == "in hex" {
			canaries = append(canaries, configured)
		}
		out[name+", "+how] = household{v, nil, canaries, expected, deliveries, []string{"-provider", name}, name + "/canary-of-tests=" + configured + "\n"}
	}
	return out
}

func households(t *testing.T) map[string]household {
	t.Helper()
	all := map[string]household{}
	add := func(more map[string]household) {
		for name, h := range more {
			all[name] = h
		}
	}
	add(overHMAC(t, "truv", func(s string) (truhook.Verifier, error) { return truv.New(s) }, truv.Scheme(), "sandbox-"))
	add(overHMAC(t, "truval", func(s string) (truhook.Verifier, error) { return truval.New(s) }, truval.Scheme(), "whsec_"))
	add(overHMAC(t, "trulioo", func(s string) (truhook.Verifier, error) {
		key, err := hmacsig.NewKey("2026", s)
		if err != nil {
			return nil, err
		}
		return trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})
	}, trulioo.Scheme(), ""))
	for _, name := range []string{"github", "stripe", "svix", "shopify", "adyen_platform"} {
		row, ok := catalog.Lookup(name)
		require.True(t, ok)
		add(overHMAC(t, name, func(s string) (truhook.Verifier, error) { return catalog.New(name, s) }, row.Scheme, ""))
	}

	body := []byte(`{"id": "evt_1"}`)
	hash := sha256.Sum256(body)
	claims, err := json.Marshal(map[string]any{"iss": "i", "aud": "a", "iat": time.Now().Unix(), "exp": time.Now().Unix() + 5, "hash": hex.EncodeToString(hash[:])})
	require.NoError(t, err)
	token := func(secret string) string {
		input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	for how, configured := range map[string]string{"as it is": canaryText, "in quotes": `"` + canaryText + `"`, "in hex": hex.EncodeToString([]byte(canaryText))} {
		secret, err := jose.NewSecret("2026", configured)
		require.NoError(t, err)
		v, err := jose.New(jose.Config{
			Token: jose.HeaderToken("X-Token"), Algorithms: []string{"HS256"}, Secrets: jose.StaticSecrets{secret}, Issuer: "i", Audience: "a",
			Binding: jose.Binding{BodyHash: "hash", BodyOnly: true, Hashes: map[string]crypto.Hash{"": crypto.SHA256}},
		})
		require.NoError(t, err)
		genuine := &truhook.Delivery{Method: http.MethodPost, RequestURI: "/in", Header: http.Header{"X-Token": {token(canaryText)}}, Body: body}
		forged := &truhook.Delivery{Method: http.MethodPost, RequestURI: "/in", Header: http.Header{"X-Token": {token("of somebody else")}}, Body: body}
		right := token(configured)
		all["jose, "+how] = household{v: v, canaries: []string{canaryText, configured}, expected: []string{right[len(right)-30:]}, deliveries: append(changed(genuine), forged)}
	}

	keys := "../../recorded/deliveries/transunion"
	file, err := recorded.ReadFile(keys + "/event-device-link.http")
	require.NoError(t, err)
	genuine, err := file.Delivery()
	require.NoError(t, err)
	service, private := readKey(t, keys+"/service-current.pem")
	platform := readPublic(t, keys+"/platform-public.pem")
	const entity = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"
	v, err := transunion.New(transunion.Config{Entity: entity, Keys: jose.StaticKeys{platform}, PrivateKeys: jose.StaticPrivateKeys{service}})
	require.NoError(t, err)
	all["transunion"] = household{v: v, canaries: private, deliveries: changed(genuine), args: []string{"-provider", "transunion", "-keys", keys, "-entity", entity}}

	scheme := keysig.Scheme{Form: hmacsig.Scheme{Name: "acme", Header: "X-Acme", Encoding: hmacsig.Base64}, Algorithm: keysig.RSAPKCS1v15}
	h := http.Header{}
	require.NoError(t, scheme.Sign(h, service.Key.(*rsa.PrivateKey), hmacsig.Message{Body: body}))
	public, err := keysig.New(scheme, keysig.StaticKeys(keysig.Key{ID: "2026", Public: &service.Key.(*rsa.PrivateKey).PublicKey}), keysig.Config{})
	require.NoError(t, err)
	signed := &truhook.Delivery{Method: http.MethodPost, RequestURI: "/in", Header: h, Body: body}
	all["keysig"] = household{v: public, canaries: private, deliveries: changed(signed)}

	pin := sha256.Sum256([]byte(canaryText))
	certificate, err := mtls.New(mtls.FromTLS(), mtls.Pinned(hex.EncodeToString(pin[:])), mtls.Config{})
	require.NoError(t, err)
	agreed := truhook.HeaderEquals("X-Agreed", canaryText)
	query := truhook.QueryEquals("token", canaryText)
	inner := all["truv, as it is"]
	for name, composed := range map[string]truhook.Verifier{
		"AllOf": truhook.AllOf(inner.v, certificate), "AnyOf": truhook.AnyOf(inner.v, all["stripe, in quotes"].v, v, public),
		"Require, a header": truhook.Require(inner.v, agreed), "Require, a query": truhook.Require(inner.v, query),
	} {
		all[name] = household{v: composed, others: []truhook.Verifier{all["truval, as it is"].v, all["jose, as it is"].v},
			canaries: append(slices.Clone(inner.canaries), private...), expected: inner.expected, deliveries: inner.deliveries}
	}
	return all
}

func readKey(t *testing.T, path string) (jose.PrivateKey, []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	key, err := jose.ParsePrivateKey(text)
	require.NoError(t, err)
	id, err := transunion.Fingerprint(key)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	d := key.(*rsa.PrivateKey).D.Bytes()
	return jose.PrivateKey{ID: id, Key: key}, []string{base64.StdEncoding.EncodeToString(block.Bytes)[400:800], hex.EncodeToString(d), key.(*rsa.PrivateKey).D.String()}
}

func readPublic(t *testing.T, path string) jose.PublicKey {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	key, err := jose.ParsePublicKey(text)
	require.NoError(t, err)
	id, err := transunion.Fingerprint(key)
	require.NoError(t, err)
	return jose.PublicKey{ID: id, Key: key}
}

// parts are what may stand nowhere: each secret in every form that printing gives it, and every 8 characters of it.
func parts(h household) map[string]bool {
	out := map[string]bool{}
	for _, canary := range h.canaries {
		for _, form := range leaktest.Forms(canary) {
			out[form] = true
		}
		for i := 0; i+8 <= len(canary); i++ {
			out[canary[i:i+8]] = true
		}
	}
	for _, common := range []string{"sandbox-", "whsec_"} { // of which every secret has one
		delete(out, common)
	}
	return out
}

// No finding, no log line, no index and no file of captures, no error and nothing that the command prints holds a
// secret, a part of one, or a signature that would have been right.
func TestCanary_NothingThatIsToldHoldsASecret(t *testing.T) {
	t.Parallel()
	all := households(t)
	require.Greater(t, len(all), 30)
	explained, printed := 0, 0
	for name, h := range all {
		t.Run(name, func(t *testing.T) {
			told := map[string]string{}
			for i, d := range h.deliveries {
				tellAll(t, h, d, fmt.Sprint(i), told)
			}
			told["audit"] = asText(t, truhook.Audit(t.Context(), h.v))
			secret := parts(h)
			for what, text := range told {
				if strings.Contains(text, "truhook: why a delivery was refused") {
					explained++
				}
				if strings.HasPrefix(what, "command") && strings.Contains(text, "refused") {
					printed++
				}
				for part := range secret {
					require.False(t, strings.Contains(text, part), "%s holds %d characters of a secret", what, len(part))
				}
				for _, signature := range h.expected {
					for j := 0; j+12 <= len(signature) && !strings.HasPrefix(what, "file"); j += 6 { // files hold what was sent
						assert.NotContains(t, text, signature[j:j+12], what)
					}
				}
			}
		})
	}
	require.Greater(t, explained, 100)
	require.Greater(t, printed, 100)
}

// tellAll collects everything that is told of one refused delivery.
func tellAll(t *testing.T, h household, d *truhook.Delivery, which string, told map[string]string) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		capture, err := recorded.Refused(dir, recorded.RefusedConfig{MaxBytes: 1 << 20})
		require.NoError(t, err)
		m := truhook.NewMiddleware(h.v, truhook.Config{
			Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Capture: capture.Capture, ExplainRefusals: true,
		})
		r := httptest.NewRequest(d.Method, d.RequestURI, bytes.NewReader(d.Body))
		r.Header = d.Header.Clone()
		w := httptest.NewRecorder()
		m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		time.Sleep(time.Minute) // of the bubble: the explanation is written
		synctest.Wait()
		require.NoError(t, capture.Wait(t.Context()))
		told["log "+which], told["response "+which] = log.String(), w.Body.String()+asText(t, w.Header())
	})
	_, err := h.v.Verify(t.Context(), d)
	told["error "+which] = fmt.Sprintf("%v %+v", err, err)
	e := truhook.Explain(t.Context(), h.v, d, truhook.ExplainConfig{Others: h.others, Timeout: time.Minute})
	told["findings "+which] = asText(t, e) + fmt.Sprintf("%+v", e)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		told["index "+which], told["file "+which] = f.Name(), string(text)
		if h.args == nil {
			continue
		}
		args := append([]string{"verify"}, h.args...)
		if h.secrets != "" {
			path := filepath.Join(t.TempDir(), "secrets.txt")
			require.NoError(t, os.WriteFile(path, []byte(h.secrets), 0o600))
			args = append(args, "-secrets", path)
		}
		for _, more := range [][]string{nil, {"-json"}} {
			code, out := program(t, append(append(slices.Clone(args), more...), filepath.Join(dir, f.Name()))...)
			assert.Contains(t, []int{0, 1}, code, out)
			told["command "+which+fmt.Sprint(more)] = out
		}
	}
}

func asText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
