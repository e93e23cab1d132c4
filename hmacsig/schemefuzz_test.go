package hmacsig_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// FuzzScheme compiles any scheme: what New accepts signs deliveries, and accepts what it signed.
func FuzzScheme(f *testing.F) {
	f.Add("{id}.{timestamp}.{body}", "X-Sign", "v1=", ",", "X-Id", "X-Time#t", 36, uint8(0), uint8(0))
	f.Add("v0:{timestamp}:{body}", "X-Sign, X-Other", "", "", "", "X-Time", 0, uint8(1), uint8(1))
	f.Add("{method}{url}{body}{timestamp}", "X-Sign-{n}", "", " ", "", "X-Time", 0, uint8(2), uint8(2))
	f.Add("{body}{header:X-Nonce}|", "X-Sign", "", "", "", "", 0, uint8(0), uint8(0))
	f.Add("{", "", "{body}", "{n}", "#", "#", -1, uint8(9), uint8(9))
	k := testKey(f, "k", testSecret)
	f.Fuzz(func(t *testing.T, content, header, prefix, separator, id, timestamp string, idLength int, encoding, format uint8) {
		s := hmacsig.Scheme{
			Name: "fuzz", Content: content, Header: header, Prefix: prefix, Separator: separator, ID: id, IDLength: idLength,
			Timestamp: timestamp, Encoding: hmacsig.Encoding(encoding), TimeFormat: hmacsig.TimeFormat(format),
		}
		if timestamp != "" {
			s.Tolerance = time.Minute
		}
		url := usesURL(s)
		v, err := hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{URL: url, Now: func() time.Time { return start }})
		if err != nil {
			require.NotContains(t, err.Error(), testSecret)
			return
		}
		_, err = v.Verify(t.Context(), delivery(body, "X-Sign", header, "X-Time", timestamp))
		require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%v", err)
		message := hmacsig.Message{Time: start, Body: []byte(body), Method: http.MethodPost, URL: url}
		if id != "" {
			message.ID = "0123456789abcdef0123456789abcdef0123"[:max(1, min(idLength, 36))]
		}
		d := delivery(body)
		d.Method = http.MethodPost
		if s.Sign(d.Header, k, message) != nil {
			return // an id that the scheme cannot tell from what stands beside it, or a further header that is not there
		}
		_, err = v.Verify(t.Context(), d)
		require.NoError(t, err)
	})
}

// FuzzKeyText takes any text for a secret, in every way to write one: an error does not repeat it.
func FuzzKeyText(f *testing.F) {
	for _, text := range []string{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a secret of this test", "0a0b0c0d0e0f0a0b0c0d0e0f", "x\n", "\xff\xfes\x00", "-----BEGIN PUBLIC KEY-----", "",
	} {
		f.Add("current", text, "whsec_")
	}
	f.Add("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "current", "")
	f.Fuzz(func(t *testing.T, id, text, prefix string) {
		for _, encoding := range []hmacsig.KeyEncoding{hmacsig.KeyRaw, hmacsig.KeyHex, hmacsig.KeyBase64, hmacsig.KeyPEM} {
			s := hmacsig.Scheme{Name: "fuzz", Header: "X-Sign", KeyText: hmacsig.KeyText{Encoding: encoding, Prefix: prefix}}
			k, err := s.NewKey(id, text)
			if err == nil {
				require.Equal(t, id, k.ID())
				_, err = hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{})
			}
			if err != nil && len(text) > 16 && text != id && text != prefix {
				require.NotContains(t, err.Error(), text)
			}
		}
	})
}
