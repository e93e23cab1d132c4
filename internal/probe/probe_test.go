package probe_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/probe"
)

func read[T any](t testing.TB, name string) T {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	var out T
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

func decoded(t testing.TB, text string) []byte {
	t.Helper()
	out, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return out
}

// find returns the changes of the variant of arrived that is sent, and its offset.
func find(arrived, sent []byte, h probe.Hints) (changes []probe.Change, offset int64, found bool) {
	for v := range probe.Variants(context.Background(), arrived, h) {
		var b bytes.Buffer
		if _, err := v.WriteTo(&b); err == nil && bytes.Equal(b.Bytes(), sent) {
			return v.Changes, v.Offset(arrived), true
		}
	}
	return nil, 0, false
}

// What a writer of another language wrote and another one parsed and wrote again is found, whichever the two are: the
// texts are those of the writers themselves (testdata/make.py).
func TestVariants_FindWhatRealWritersWrote(t *testing.T) {
	t.Parallel()
	for name, texts := range read[map[string]map[string]string](t, "writers.json") {
		for signer, signed := range texts {
			if signer == "document" {
				continue
			}
			sent := decoded(t, signed)
			for writer, written := range texts {
				if writer == "document" {
					continue
				}
				arrived := decoded(t, written)
				changes, offset, found := find(arrived, sent, probe.Hints{})
				if bytes.Equal(arrived, sent) {
					require.False(t, found, "body itself is no variant")
					continue
				}
				if !assert.True(t, found, "%s: signed as %s wrote it, arrived as %s wrote it\n%s\n%s", name, signer, writer, sent, arrived) {
					continue
				}
				require.Len(t, changes, 1, "%s %s %s %v", name, signer, writer, changes)
				require.Equal(t, firstDifference(arrived, sent), offset)
				require.Contains(t, []string{probe.Reserialized, probe.TextChanged}, changes[0].Cause)
			}
		}
	}
}

func firstDifference(a, b []byte) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int64(i)
		}
	}
	return int64(min(len(a), len(b)))
}

// event is a body that a Go service parses and writes again.
type event struct {
	ID   string         `json:"id"`
	HTML string         `json:"html"`
	More map[string]any `json:"more"`
}

func TestVariants_FindWhatGoWrote(t *testing.T) {
	t.Parallel()
	e := event{"évt_1", "<b>a&b</b>\u2028", map[string]any{"x": []any{1.0, "y/z", nil}}}
	marshaled, err := json.Marshal(e)
	require.NoError(t, err)
	indented, err := json.MarshalIndent(e, "", "\t")
	require.NoError(t, err)
	var raw, encoded bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(e))
	require.NoError(t, json.NewEncoder(&encoded).Encode(e))
	texts := [][]byte{marshaled, indented, bytes.TrimSpace(raw.Bytes()), encoded.Bytes()}
	for i, sent := range texts {
		for j, arrived := range texts {
			if i != j && i < 3 { // a line break at the end is for Tails
				_, _, found := find(arrived, sent, probe.Hints{})
				require.True(t, found, "%q %q", sent, arrived)
			}
		}
	}
}

func TestVariants_FindWhatWasPacked(t *testing.T) {
	t.Parallel()
	packed := read[map[string]string](t, "packed.json")
	webhook := []byte(packed["webhook"])
	for name, want := range map[string]probe.Change{
		"gzip": {Cause: probe.ContentEncoding, Subject: "gzip"}, "zlib": {Cause: probe.ContentEncoding, Subject: "deflate"}, "base64": {Cause: probe.Base64},
		"base64url": {Cause: probe.Base64}, "form": {Cause: probe.FormField, Subject: "payload"}, "percent": {Cause: probe.FormField, Subject: ""},
		"lambda": {Cause: probe.InEnvelope, Subject: "body"}, "lambda-base64": {Cause: probe.InEnvelope, Subject: "body"}, "sns": {Cause: probe.InEnvelope, Subject: "Message"},
		"sqs": {Cause: probe.InEnvelope, Subject: "Records.body"}, "latin-1-read": {Cause: probe.TextChanged, Subject: "charset"},
		"cp1252-read": {Cause: probe.TextChanged, Subject: "charset"}, "latin-1-written": {Cause: probe.TextChanged, Subject: "charset"}, "bom": {Cause: probe.TextChanged, Subject: "bom"},
	} {
		changes, offset, found := find(decoded(t, packed[name]), webhook, probe.Hints{})
		require.True(t, found, name)
		require.Equal(t, []probe.Change{want}, changes, name)
		require.Equal(t, firstDifference(decoded(t, packed[name]), webhook), offset, name)
	}
}

// Depth and size are bounded, and a large body of small tokens makes no tree.
func TestVariants_AHostileBodyCostsLittle(t *testing.T) {
	hostile := map[string][]byte{
		"a list of ones":    []byte("[1" + strings.Repeat(",1", 1<<19) + "]"),
		"a deep list":       []byte(strings.Repeat("[", 1<<20)),
		"a deep valid list": []byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)),
		"empty objects":     []byte("[{}" + strings.Repeat(",{}", 1<<18) + "]"),
		"quotes":            []byte(strings.Repeat(`"`, 1<<20)),
		"backslashes":       []byte(`["` + strings.Repeat(`\\`, 1<<19) + `"]`),
		"escapes":           []byte(`["` + strings.Repeat(`\ud800`, 1<<17) + `"]`),
		"a form":            []byte(strings.Repeat("a=%41&", 1<<17)),
		"base64":            bytes.Repeat([]byte("AAAA"), 1<<18),
		"members":           []byte(`{"a":{}` + strings.Repeat(`,"a":{"b":"c"}`, 1<<16) + "}"),
	}
	for name, body := range hostile {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n := 0
		for v := range probe.Variants(ctx, body, probe.Hints{}) {
			_, _ = v.WriteTo(io.Discard)
			if n++; n > 12 {
				break
			}
		}
		cancel()
		runtime.ReadMemStats(&after)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range probe.Variants(ctx, hostile["a list of ones"], probe.Hints{}) {
		t.Error("it goes on after the context has ended")
	}
	for range probe.Variants(t.Context(), make([]byte, 9<<20), probe.Hints{}) {
		t.Error("it looks at more than 8 MiB")
	}
}

func TestMapOrder(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"a":1,"b":2,"c":{"a":1,"d":2},"z":[{"x":1,"y":2}]}`: true,
		`{"b":1,"a":2,"c":3,"d":4}`:                           false,
		`{"a":1,"b":2}`:                                       false, // by chance
		`{"a":1,"b":2,"c":{"z":1,"a":2}}`:                     false,
		`not JSON`:                                            false,
		``:                                                    false,
	} {
		assert.Equal(t, want, probe.MapOrder([]byte(body)), body)
	}
}

func FuzzVariants(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"\u00e9\ud83d\ude00"}]}`, `payload=%7B%7D`, "\x1f\x8b\x08", `"eyJhIjoxfQ=="`, "\xff\xfe{}", `{"a":"{\"b\":1}"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 4<<10 {
			return
		}
		seen := map[string]bool{string(body): true}
		for v := range probe.Variants(context.Background(), body, probe.Hints{}) {
			var b bytes.Buffer
			_, err := v.WriteTo(&b)
			require.NoError(t, err)
			require.False(t, seen[b.String()], "equal bytes count once")
			seen[b.String()] = true
			require.NotEmpty(t, v.Changes)
			require.Equal(t, firstDifference(body, b.Bytes()), v.Offset(body))
			if v.Changes[len(v.Changes)-1].Cause == probe.Reserialized {
				require.True(t, json.Valid(b.Bytes()), "%q", b.String())
			}
		}
		_ = fmt.Sprint(probe.MapOrder(body))
	})
}
