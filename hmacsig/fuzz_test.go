package hmacsig_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// FuzzHeader sends anything as a signature header. Nothing panics, and what is accepted holds the MAC of the body.
func FuzzHeader(f *testing.F) {
	mac := hexOf(testSecret, body)
	at := fmt.Sprint(start.Unix())
	for _, text := range []string{
		"", "v1=", "v1=" + mac, mac, "sha256=" + strings.ToUpper(mac), "t=" + at + ",v1=" + hexOf(testSecret, at+"."+body), "v1=" + mac + ",v1=" + mac,
		"v1," + base64Of(testSecret, body), strings.Repeat("A", 88), strings.Repeat("v1=,", 9),
	} {
		f.Add(text, []byte(body))
	}
	schemes := append(providers(), stripe(), listed(), hmacsig.Scheme{Name: "base64", Header: "X-Sign", Encoding: hmacsig.Base64})
	var verifiers []*hmacsig.Verifier
	for _, s := range schemes {
		verifiers = append(verifiers, verifier(f, s))
	}
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		for i, v := range verifiers {
			s := schemes[i]
			d := delivery(string(payload), s.Header, text)
			got, err := v.Verify(context.Background(), d)
			if err != nil {
				require.Nil(t, got)
				require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%v", err)
				if len(text) > 8 {
					require.NotContains(t, err.Error(), text)
				}
				continue
			}
			content := string(payload)
			if s.Timestamp != "" {
				m, ok := truhook.Detail[hmacsig.Message](got)
				require.True(t, ok)
				content = fmt.Sprint(m.Time.Unix(), ".", content)
				require.LessOrEqual(t, start.Sub(m.Time).Abs(), s.Tolerance)
			}
			want := hexOf(testSecret, content)
			if s.Encoding == hmacsig.Base64 {
				require.Equal(t, base64Of(testSecret, content), text)
			} else {
				require.Contains(t, strings.ToLower(text), want)
			}
			require.NoError(t, v.Precheck(context.Background(), d))
		}
	})
}

// FuzzTimestampAndID reads one signed text in every way that headers and body can say it: at most one is accepted.
func FuzzTimestampAndID(f *testing.F) {
	at := fmt.Sprint(start.Unix())
	f.Add("msg", at, []byte(body), ".")
	f.Add("a.", at, []byte("..b"), "..")
	f.Add("", "", []byte(nil), ".")
	f.Add("a", "0"+at, []byte("1"), "aa")
	f.Add("\xff", "-1", []byte("."), "é")
	k := testKey(f, "k", testSecret)
	f.Fuzz(func(t *testing.T, id, at string, payload []byte, literal string) {
		s := hmacsig.Scheme{
			Name: "fuzz", Header: "X-Sign", Content: "{id}" + literal + "{timestamp}" + literal + "{body}", ID: "X-Id", Timestamp: "X-Time", Tolerance: time.Hour,
		}
		v, err := hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{Now: func() time.Time { return start }})
		if err != nil {
			return
		}
		content := id + literal + at + literal + string(payload)
		if len(content) > 60 {
			return
		}
		accepted := 0
		signature := hexOf(testSecret, content)
		for i := 0; i+len(literal) <= len(content); i++ {
			if content[i:i+len(literal)] != literal {
				continue
			}
			rest := content[i+len(literal):]
			for j := 0; j+len(literal) <= len(rest); j++ {
				if rest[j:j+len(literal)] != literal {
					continue
				}
				d := delivery(rest[j+len(literal):], "X-Id", content[:i], "X-Time", rest[:j], "X-Sign", signature)
				if _, err := v.Verify(context.Background(), d); err == nil {
					accepted++
				} else {
					require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status())
				}
			}
		}
		require.LessOrEqual(t, accepted, 1, "%q", content)
	})
}

// FuzzSign signs anything that can be signed and gets it accepted.
func FuzzSign(f *testing.F) {
	f.Add("msg", int64(1), []byte(body))
	f.Add("", int64(-1), []byte(nil))
	f.Fuzz(func(t *testing.T, id string, seconds int64, payload []byte) {
		at := time.Unix(seconds%1e10, 0)
		for _, s := range append(providers(), stripe(), standard()) {
			h := http.Header{}
			if s.Sign(h, testKey(t, "k", testSecret), hmacsig.Message{ID: id, Time: at, Body: payload}) != nil {
				require.Empty(t, h)
				continue
			}
			if len(id) > 4096 {
				continue
			}
			d := &truhook.Delivery{Header: h, Body: bytes.Clone(payload), Received: at}
			_, err := verifier(t, s).Verify(context.Background(), d)
			require.NoError(t, err)
			require.NotContains(t, fmt.Sprint(h), hex.EncodeToString([]byte(testSecret)))
		}
	})
}

// FuzzForms sends anything in any header of any form, without the key. Nothing panics, and nothing is accepted.
func FuzzForms(f *testing.F) {
	f.Add("t=1772452800,v1="+strings.Repeat("0", 64), "1772452800", "msg_1", "n", "POST", []byte(body))
	f.Add("t=1772452800000, v1="+strings.Repeat("A", 43)+"= t=1", "1772452800000", "5f8c1d9e-3b2a-4c6d-9e7f-0a1b2c3d4e5f", "", "", []byte(nil))
	f.Add("v1,"+strings.Repeat("A", 43)+"= v1a,x", "2026-03-02T12:00:00Z", ".", "", "", []byte("."))
	f.Add(strings.Repeat("v1=\t ,", 99), "Mon, 02 Mar 2026 12:00:00 GMT", "", "", "\xff", []byte("\x00"))
	f.Add(strings.Repeat("0", 40), "2026-03-02T12:00:00", "a", "b", "PUT", []byte("{}"))
	verifiers := map[string]*hmacsig.Verifier{}
	for name, s := range forms {
		secret, _ := formSecret(s)
		verifiers[name], _ = formVerifier(f, s, secret, usesURL(s))
	}
	f.Fuzz(func(t *testing.T, signature, at, id, nonce, method string, payload []byte) {
		for name, v := range verifiers {
			s := forms[name]
			d := &truhook.Delivery{Method: method, Header: http.Header{}, Body: payload, Received: start}
			for header := range strings.SplitSeq(strings.ReplaceAll(s.Header, "{n}", "3"), ", ") {
				d.Header.Set(header, signature)
			}
			for header, value := range map[string]string{s.Timestamp: at, s.ID: id, "X-Sinch-Webhook-Signature-Nonce": nonce} {
				if header != "" && !strings.Contains(header, "#") {
					d.Header.Set(header, value)
				}
			}
			got, err := v.Verify(context.Background(), d)
			require.Nil(t, got, name)
			require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%s: %v", name, err)
		}
	})
}
