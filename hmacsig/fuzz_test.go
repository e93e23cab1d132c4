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
