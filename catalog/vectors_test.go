package catalog_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
)

// vector is a true delivery of testdata/vectors.
type vector struct {
	PublishedBy string      `json:"published_by"`
	SelfMade    bool        `json:"self_made"`
	Secret      string      `json:"secret"`
	Secrets     []string    `json:"secrets"`
	Headers     [][2]string `json:"headers"`
	Body        string      `json:"body"`
	BodyBase64  string      `json:"body_b64"`
	URL         string      `json:"url"`
	Method      string      `json:"method"`
	Now         int64       `json:"now"`
	Note        string      `json:"note"`
}

func vectors(t testing.TB, name string) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "vectors", name+".json"))
	require.NoError(t, err)
	var file struct{ Vectors []vector }
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&file))
	require.NotEmpty(t, file.Vectors, name)
	return file.Vectors
}

func (v vector) secrets() []string {
	if v.Secrets != nil {
		return v.Secrets
	}
	return []string{v.Secret}
}

func (v vector) verifier(t testing.TB, p catalog.Provider) truhook.Verifier {
	t.Helper()
	verifier, err := p.New(catalog.Config{URL: v.URL}, v.secrets()...)
	require.NoError(t, err)
	return verifier
}

// delivery is received when the vector was signed, as the provider's time says it.
func (v vector) delivery(t testing.TB, p catalog.Provider) *truhook.Delivery {
	t.Helper()
	d := &truhook.Delivery{Method: v.Method, RequestURI: "/hook", Header: http.Header{}, Body: []byte(v.Body)}
	if d.Method == "" {
		d.Method = http.MethodPost
	}
	if v.BodyBase64 != "" {
		var err error
		d.Body, err = base64.StdEncoding.DecodeString(v.BodyBase64)
		require.NoError(t, err)
	}
	for _, h := range v.Headers {
		d.Header.Add(h[0], h[1])
	}
	d.Received = v.signedAt(t, p, d.Header)
	return d
}

func (v vector) signedAt(t testing.TB, p catalog.Provider, h http.Header) time.Time {
	t.Helper()
	if v.Now != 0 {
		return time.Unix(v.Now, 0)
	}
	name, element, inElement := strings.Cut(timestampOf(p), "#")
	text := h.Get(name)
	if inElement {
		_, after, _ := strings.Cut(text, element+"=")
		text = after[:strings.IndexAny(after+",", ",; ")]
	}
	switch {
	case text == "":
		return time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	case len(text) == 10:
		var seconds int64
		require.NoError(t, json.Unmarshal([]byte(text), &seconds))
		return time.Unix(seconds, 0)
	case len(text) == 13:
		var ms int64
		require.NoError(t, json.Unmarshal([]byte(text), &ms))
		return time.UnixMilli(ms)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999", http.TimeFormat} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	t.Fatalf("%s: the time %q", p.Name, text)
	return time.Time{}
}

func timestampOf(p catalog.Provider) string { return p.Form().Timestamp }

func TestVectors_EachTrueOneIsAcceptedAndSixForgedOnesAreNot(t *testing.T) {
	t.Parallel()
	published, made := 0, 0
	for p := range catalog.All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			all := vectors(t, p.Name)
			for _, v := range all {
				assert.NotEqual(t, v.SelfMade, v.PublishedBy != "", "one of the two")
				verifier := v.verifier(t, p)
				got, err := verifier.Verify(t.Context(), v.delivery(t, p))
				require.NoError(t, err)
				assert.Equal(t, p.Name, got.Proofs[0].Scheme)
				for name, d := range forged(t, p, v) {
					got, err := verifier.Verify(t.Context(), d)
					require.Error(t, err, name)
					require.Nil(t, got, name)
					require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%s: %v", name, err)
				}
			}
		})
		for _, v := range vectors(t, p.Name) {
			if v.PublishedBy != "" {
				published++
			} else {
				made++
			}
		}
	}
	t.Logf("%d published and %d self-made vectors", published, made)
	assert.GreaterOrEqual(t, published, 40)
}

// forged returns six deliveries that nobody with the key has made, from one that somebody has.
func forged(t testing.TB, p catalog.Provider, v vector) map[string]*truhook.Delivery {
	t.Helper()
	change := func(f func(d *truhook.Delivery)) *truhook.Delivery {
		d := v.delivery(t, p)
		f(d)
		return d
	}
	signatures := signatureHeaders(p)
	all := map[string]*truhook.Delivery{
		"a bit of the body": change(func(d *truhook.Delivery) { d.Body[len(d.Body)-1] ^= 1 }),
		"a byte more":       change(func(d *truhook.Delivery) { d.Body = append(d.Body, '\n') }),
		"no signature": change(func(d *truhook.Delivery) {
			for _, name := range signatures {
				d.Header.Del(name)
			}
		}),
		"a bit of each signature": change(func(d *truhook.Delivery) {
			for _, name := range signatures {
				for i, line := range d.Header[http.CanonicalHeaderKey(name)] {
					d.Header[http.CanonicalHeaderKey(name)][i] = changeSignatures(p, line)
				}
			}
		}),
		"a signature twice": change(func(d *truhook.Delivery) {
			for _, name := range signatures {
				name = http.CanonicalHeaderKey(name)
				d.Header[name] = append(d.Header[name], d.Header[name]...)
			}
		}),
	}
	// The key of another receiver, or another time where the time is signed.
	other := change(func(*truhook.Delivery) {})
	if name, _, inElement := strings.Cut(timestampOf(p), "#"); name != "" && !inElement {
		line := []byte(other.Header.Get(name))
		i := bytes.LastIndexAny(line, "0123456789")
		line[i] = '0' + (line[i]-'0'+1)%10
		other.Header.Set(name, string(line))
		all["another time"] = other
	} else {
		for _, name := range signatures {
			if lines := other.Header[http.CanonicalHeaderKey(name)]; len(lines) == 1 {
				lines[0] = signedByAnother(t, p, v, other)
			}
		}
		all["another key"] = other
	}
	require.Len(t, all, 6)
	return all
}

func signatureHeaders(p catalog.Provider) []string {
	var names []string
	for name := range strings.SplitSeq(p.Form().Header, ",") {
		name = strings.TrimSpace(name)
		if !strings.Contains(name, "{n}") {
			names = append(names, name)
			continue
		}
		for n := '1'; n <= '8'; n++ {
			names = append(names, strings.Replace(name, "{n}", string(n), 1))
		}
	}
	return names
}

// changeSignatures replaces the first character of each signature by another one of its alphabet.
func changeSignatures(p catalog.Provider, line string) string {
	parts := []string{line}
	if p.Form().Separator != "" {
		parts = strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(p.Form().Separator+" ", r) })
	}
	for i, part := range parts {
		signature, found := strings.CutPrefix(part, p.Form().Prefix)
		if !found || len(signature) < 8 {
			continue
		}
		other := "A"
		if signature[0] == 'A' || signature[0] == 'a' {
			other = "0"
		}
		parts[i] = p.Form().Prefix + other + signature[1:]
	}
	separator := p.Form().Separator
	return strings.Join(parts, separator)
}
