package hmacsig_test

import (
	"crypto"
	_ "crypto/md5"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

func TestSchemesThatAreNotSoundAreErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*hmacsig.Scheme){
		"zero":                           func(s *hmacsig.Scheme) { *s = hmacsig.Scheme{} },
		"no Name":                        func(s *hmacsig.Scheme) { s.Name = "" },
		"no Header":                      func(s *hmacsig.Scheme) { s.Header = "" },
		"a Header with a blank":          func(s *hmacsig.Scheme) { s.Header = "X Sign" },
		"a Header with a colon":          func(s *hmacsig.Scheme) { s.Header = "X-Sign:" },
		"a Header that is not ASCII":     func(s *hmacsig.Scheme) { s.Header = "X-Sïgn" },
		"a Header with CR LF":            func(s *hmacsig.Scheme) { s.Header = "X\r\nY" },
		"Host, which is no header here":  func(s *hmacsig.Scheme) { s.Header = "host" },
		"MD5":                            func(s *hmacsig.Scheme) { s.Hash = crypto.MD5 },
		"SHA-224":                        func(s *hmacsig.Scheme) { s.Hash = crypto.SHA224 },
		"a hash that is none":            func(s *hmacsig.Scheme) { s.Hash = 99 },
		"an Encoding that is none":       func(s *hmacsig.Scheme) { s.Encoding = 3 },
		"a Prefix with the Separator":    func(s *hmacsig.Scheme) { s.Prefix, s.Separator = "v1,", "," },
		"Content without {body}":         func(s *hmacsig.Scheme) { s.Content = "{id}.{timestamp}" },
		"Content of a literal":           func(s *hmacsig.Scheme) { s.Content = "body" },
		"{body} twice":                   func(s *hmacsig.Scheme) { s.Content = "{body}.{body}" },
		"{id} twice":                     func(s *hmacsig.Scheme) { s.Content = "{id}.{id}.{body}"; s.ID = "X-Id" },
		"nothing between two":            func(s *hmacsig.Scheme) { s.Content = "{id}{body}"; s.ID = "X-Id" },
		"an unknown placeholder":         func(s *hmacsig.Scheme) { s.Content = "{host}{body}" },
		"a placeholder in another case":  func(s *hmacsig.Scheme) { s.Content = "{Body}" },
		"an open placeholder":            func(s *hmacsig.Scheme) { s.Content = "{body" },
		"an open placeholder behind":     func(s *hmacsig.Scheme) { s.Content = "{body}{" },
		"an empty placeholder":           func(s *hmacsig.Scheme) { s.Content = "{}{body}" },
		"{id} without ID":                func(s *hmacsig.Scheme) { s.Content = "{id}.{body}" },
		"ID without {id}":                func(s *hmacsig.Scheme) { s.ID = "X-Id" },
		"{timestamp} without Timestamp":  func(s *hmacsig.Scheme) { s.Content = "{timestamp}.{body}"; s.Tolerance = 1 },
		"Timestamp without {timestamp}":  func(s *hmacsig.Scheme) { s.Timestamp, s.Tolerance = "X-Time", 1 },
		"Timestamp without Tolerance":    func(s *hmacsig.Scheme) { s.Content, s.Timestamp = "{timestamp}.{body}", "X-Time" },
		"a negative Tolerance":           func(s *hmacsig.Scheme) { s.Content, s.Timestamp, s.Tolerance = "{timestamp}.{body}", "X-Time", -1 },
		"Tolerance without Timestamp":    func(s *hmacsig.Scheme) { s.Tolerance = time.Minute },
		"Timestamp that names no header": func(s *hmacsig.Scheme) { s.Content, s.Timestamp, s.Tolerance = "{timestamp}.{body}", "X Time", 1 },
		"an element without Separator":   func(s *hmacsig.Scheme) { s.Content, s.Timestamp, s.Tolerance = "{timestamp}.{body}", "X-Sign#t", 1 },
		"an element without a name":      func(s *hmacsig.Scheme) { *s = stripe(); s.Timestamp = "Stripe-Signature#" },
		"a time that has the Separator":  func(s *hmacsig.Scheme) { *s = stripe(); s.TimeFormat = hmacsig.HTTPDate },
		"a time that has blanks":         func(s *hmacsig.Scheme) { *s = stripe(); s.Separator, s.TimeFormat = " ", hmacsig.HTTPDate },
		"a time of the day and a colon":  func(s *hmacsig.Scheme) { *s = stripe(); s.Separator, s.TimeFormat = ":", hmacsig.RFC3339 },
		"a date and a dash":              func(s *hmacsig.Scheme) { *s = stripe(); s.Separator, s.TimeFormat = "-", hmacsig.UTCDateTime },
		"groups of times with blanks": func(s *hmacsig.Scheme) {
			*s = stripe()
			s.Groups, s.Separator, s.TimeFormat = true, ";", hmacsig.HTTPDate
		},
		"an element with the Separator":    func(s *hmacsig.Scheme) { *s = stripe(); s.Timestamp = "Stripe-Signature#t,u" },
		"an element with a blank":          func(s *hmacsig.Scheme) { *s = stripe(); s.Timestamp = "Stripe-Signature#t " },
		"an element of no header":          func(s *hmacsig.Scheme) { *s = stripe(); s.Timestamp = "#t" },
		"ID in Host":                       func(s *hmacsig.Scheme) { s.Content, s.ID = "{id}.{body}", "Host" },
		"Content with a Placeholder first": func(s *hmacsig.Scheme) { s.Content = "{id" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := hmacsig.Scheme{Name: "x", Header: "X-Sign"}
			change(&s)
			v, err := hmacsig.New(s, hmacsig.StaticKeys(testKey(t, "k", testSecret)), hmacsig.Config{})
			require.ErrorContains(t, err, "hmacsig: ")
			require.Nil(t, v)
			require.NotContains(t, err.Error(), testSecret)
			require.Error(t, s.Sign(http.Header{}, testKey(t, "k", testSecret), hmacsig.Message{ID: "x", Time: start}))
		})
	}
}

func TestSchemesAreComparableData(t *testing.T) {
	t.Parallel()
	one, two := stripe(), stripe()
	require.True(t, one == two)
	require.False(t, one == standard())
	changed := providers()[0]
	changed.Header = "X-Other"
	require.NotEqual(t, changed, providers()[0], "a function, so nobody can change it for everybody")
}

func TestWhatSignSignsVerifyAccepts(t *testing.T) {
	t.Parallel()
	schemes := append(providers(), stripe(), standard())
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		for _, encoding := range []hmacsig.Encoding{hmacsig.Hex, hmacsig.Base64} {
			schemes = append(schemes,
				hmacsig.Scheme{Name: "plain", Header: "X-Sign", Hash: hash, Encoding: encoding},
				hmacsig.Scheme{Name: "listed", Header: "X-Sign", Prefix: "s=", Separator: "; ", Hash: hash, Encoding: encoding},
				hmacsig.Scheme{
					Name: "all", Header: "x-sign", Prefix: "s=", Separator: ";", Hash: hash, Encoding: encoding, Content: "a{timestamp}..{id}}:{body}",
					ID: "X-Sign#id", Timestamp: "X-Time", Tolerance: time.Second,
				},
			)
		}
	}
	for _, s := range schemes {
		for _, body := range []string{"", "{}", "\x00\xff\r\n", "...."} {
			d := delivery(body, s.Header, "what stood here before")
			m := hmacsig.Message{ID: "msg_1", Time: start, Body: []byte(body)}
			require.NoError(t, s.Sign(d.Header, testKey(t, "current", testSecret), m))
			v := verifier(t, s)
			requireReason(t, "", v, d)
			d.Body = append(d.Body, 'x')
			_, err := v.Verify(t.Context(), d)
			require.Error(t, err, s)
		}
	}
}

func TestSignRefusesWhatVerifyWould(t *testing.T) {
	t.Parallel()
	k := testKey(t, "k", testSecret)
	for name, tt := range map[string]struct {
		k hmacsig.Key
		m hmacsig.Message
	}{
		"a zero Key":            {hmacsig.Key{}, hmacsig.Message{ID: "x", Time: start}},
		"no time":               {k, hmacsig.Message{ID: "x"}},
		"a time before 1970":    {k, hmacsig.Message{ID: "x", Time: time.Unix(-1, 0)}},
		"no id":                 {k, hmacsig.Message{Time: start}},
		"an id with a dot":      {k, hmacsig.Message{ID: "a.b", Time: start}},
		"an id with CR LF":      {k, hmacsig.Message{ID: "a\r\nX: y", Time: start}},
		"an id that is no text": {k, hmacsig.Message{ID: "\xff", Time: start}},
	} {
		h := http.Header{}
		require.Error(t, standard().Sign(h, tt.k, tt.m), name)
		require.Empty(t, h, name)
	}
}

// One signed text has one reading: where nothing stands between the time and what follows, the time has ten digits.
func TestScheme_NoDigitMovesBetweenTheTimeAndTheBody(t *testing.T) {
	t.Parallel()
	s := hmacsig.Scheme{
		Name: "x", Header: "X-Sign", Content: "{timestamp}{body}", Timestamp: "X-Time", Tolerance: hmacsig.NoWindow,
	}
	v := verifier(t, s, testKey(t, "k", testSecret))
	signed := hexOf(testSecret, "17724426001")
	requireReason(t, "", v, delivery("1", "X-Sign", signed, "X-Time", "1772442600"))
	requireReason(t, truhook.MalformedTimestamp, v, delivery("", "X-Sign", signed, "X-Time", "17724426001"))
	requireReason(t, truhook.MalformedTimestamp, v, delivery("01", "X-Sign", signed, "X-Time", "177244260"))
}
