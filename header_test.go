package truhook_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// Every reader of headers in this package finds a header in any spelling and takes two spellings for two lines.
func TestHeader_SpellingsOfNames(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	client := netip.MustParsePrefix("192.0.2.7/32")
	readers := map[string]struct {
		v           truhook.Verifier
		name        string
		good, other string
	}{
		"a signature":     {truvVerifier(t), "X-Webhook-Sign", truvHeader(body), truvHeader([]byte("other"))},
		"HeaderEquals":    {truhook.Require(accepting("x"), truhook.HeaderEquals("x-token", "5e1f")), "X-Token", "5e1f", "other"},
		"X-Forwarded-For": {truhook.Require(accepting("x"), truhook.ClientAddrIn(proxies, client)), "X-Forwarded-For", "192.0.2.7", "192.0.2.8"},
		"Forwarded":       {truhook.Require(accepting("x"), truhook.ClientAddrInForwarded(proxies, client)), "Forwarded", "for=192.0.2.7", "for=192.0.2.8"},
	}
	upper, lower := strings.ToUpper, strings.ToLower
	for name, reader := range readers {
		headers := map[string]struct {
			h    http.Header
			want truhook.Reason
		}{
			"canonical":            {http.Header{reader.name: {reader.good}}, ""},
			"lower case":           {http.Header{lower(reader.name): {reader.good}}, ""},
			"upper case":           {http.Header{upper(reader.name): {reader.good}}, ""},
			"an empty second":      {http.Header{reader.name: {reader.good}, lower(reader.name): {}}, ""},
			"two, the other lower": {http.Header{reader.name: {reader.good}, lower(reader.name): {reader.other}}, truhook.DuplicateHeader},
			"two, the other upper": {http.Header{lower(reader.name): {reader.good}, upper(reader.name): {reader.other}}, truhook.DuplicateHeader},
			"two, equal":           {http.Header{reader.name: {reader.good}, upper(reader.name): {reader.good}}, truhook.DuplicateHeader},
			"three":                {http.Header{reader.name: {reader.good}, lower(reader.name): {reader.good}, upper(reader.name): {reader.good}}, truhook.DuplicateHeader},
		}
		for spelling, test := range headers {
			t.Run(name+"/"+spelling, func(t *testing.T) {
				t.Parallel()
				if _, two := test.h[lower(reader.name)]; two {
					test.h["Content-Type"] = []string{"application/json"}
				}
				d := truhook.Delivery{RemoteAddr: "10.0.0.1:1", Header: test.h, Body: body}
				m := truhook.NewMiddleware(reader.v, truhook.Config{})
				for entry, verify := range map[string]func() error{
					"the verifier": func() error { _, err := reader.v.Verify(t.Context(), &d); return err },
					"Verify":       func() error { _, err := m.Verify(t.Context(), &d); return err },
					"NewDelivery":  func() error { _, err := m.Verify(t.Context(), truhook.NewDelivery(d)); return err },
					"NewDelivery of NewDelivery": func() error {
						_, err := m.Verify(t.Context(), truhook.NewDelivery(*truhook.NewDelivery(d)))
						return err
					},
					"another header in its place": func() error {
						other := *truhook.NewDelivery(truhook.Delivery{RemoteAddr: "10.0.0.1:1", Body: body})
						other.Header = test.h
						_, err := m.Verify(t.Context(), &other)
						return err
					},
					"Wrap": func() (err error) {
						r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
						r.Header, r.RemoteAddr = test.h, "10.0.0.1:1"
						_, o := judge(t, reader.v, truhook.Config{}, noContent(), r)
						return o.Err
					},
				} {
					assert.Equal(t, test.want, truhook.ReasonOf(verify()), entry)
				}
			})
		}
	}
}

func TestHeaderValues_OrderOfSpellings(t *testing.T) {
	t.Parallel()
	d := &truhook.Delivery{Header: http.Header{"x-a": {"3"}, "X-A": {"1", "2"}, "X-a": {"4"}, "X-B": {"5"}, "X_A": {"6"}, "X-Ab": {"7"}}}
	for range 20 { // maps are not ordered
		require.ElementsMatch(t, []string{"1", "2", "4", "3"}, d.HeaderValues("X-A"))
		require.Equal(t, []string{"1", "2"}, d.HeaderValues("X-A")[:2])
	}
	require.Equal(t, []string{"1", "2"}, d.Header["X-A"], "the map is not changed")
	require.Empty(t, (&truhook.Delivery{}).HeaderValues("X-A"))
}

func TestCanonicalHeader_CopiesOnlyWhatIsNotCanonical(t *testing.T) {
	t.Parallel()
	d := &truhook.Delivery{Header: http.Header{"X-A": {"1"}, "Te": {"x"}, "not a name": {"x"}}}
	require.Equal(t, d.Header, d.CanonicalHeader())
	d.Header = http.Header{"x-a": {"2"}, "X-A": {"1"}, "ÄX": {"3"}}
	require.Equal(t, http.Header{"X-A": {"1", "2"}, "ÄX": {"3"}}, d.CanonicalHeader())
	require.Equal(t, http.Header{"x-a": {"2"}, "X-A": {"1"}, "ÄX": {"3"}}, d.Header)
}

func TestHeaderValues_DoesNotAllocate(t *testing.T) {
	for name, h := range map[string]http.Header{
		"canonical":  {"X-A": {"1"}, "Content-Type": {"x"}},
		"lower case": {"x-a": {"1"}, "content-type": {"x"}},
	} {
		d := &truhook.Delivery{Header: h}
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = d.HeaderValues("X-A") }), name)
	}
}

// What http.CanonicalHeaderKey leaves alone is another name in each spelling, here as in NewDelivery.
func TestHeader_ANameThatIsNoTokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	for what, names := range map[string][2]string{
		"a space":               {"x signature", "X signature"},
		"no UTF-8":              {"\xac", "\xa2"},
		"no ASCII":              {"X-é", "X-É"},
		"a bit apart":           {"X-`", "X-@"},
		"the Kelvin sign":       {"X-Key", "X-\u212aey"},
		"a letter of two bytes": {"X-Sign", "X-\u017fign"},
	} {
		given := truhook.Delivery{Header: http.Header{names[0]: {"a"}, names[1]: {"b"}}}
		for _, d := range []*truhook.Delivery{&given, truhook.NewDelivery(given)} {
			require.Equal(t, []string{"a"}, d.HeaderValues(names[0]), what)
			require.Equal(t, []string{"b"}, d.HeaderValues(names[1]), what)
		}
	}
}
