package keysig_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/cputest"
	"github.com/truhook/truhook/keysig"
)

func explained(t testing.TB, v truhook.Verifier, d *truhook.Delivery, others ...truhook.Verifier) (string, truhook.Explanation) {
	t.Helper()
	_, err := v.Verify(context.Background(), d)
	e := truhook.Explain(context.Background(), v, d, truhook.ExplainConfig{Others: others, Timeout: time.Minute, Reason: truhook.ReasonOf(err)})
	text := string(e.Reason)
	if len(e.Findings) > 0 {
		f := e.Findings[0]
		if text = f.Name; f.Subject != "" {
			text += "/" + f.Subject
		}
		if !f.Proven {
			text = "likely " + text
		}
	}
	for _, lines := range d.Header {
		for _, line := range lines {
			if len(line) > 40 {
				require.NotContains(t, fmt.Sprintf("%+v", e), line[len(line)-40:])
			}
		}
	}
	return text, e
}

// writers are a document as the JSON writers of other languages wrote it (internal/probe/testdata/make.py).
func writers(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("../internal/probe/testdata/writers.json")
	require.NoError(t, err)
	var all map[string]map[string]string
	require.NoError(t, json.Unmarshal(text, &all))
	out := map[string][]byte{}
	for writer, text := range all["webhook"] {
		if writer != "document" {
			out[writer], err = base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
		}
	}
	return out
}

func TestExplain_EachCauseUnderEachAlgorithm(t *testing.T) {
	t.Parallel()
	texts := writers(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(body))
	require.NoError(t, w.Close())
	_, elsewhere, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for a, private := range privateKeys() {
		s := scheme(a)
		v := verifier(t, s, key(a, "2026"))
		sign := func(signed string) *truhook.Delivery {
			d := &truhook.Delivery{Method: http.MethodPost, Header: http.Header{}, Body: []byte(signed), Received: now}
			require.NoError(t, s.Sign(d.Header, private, hmacsig.Message{ID: "evt_1", Time: now, Body: d.Body}))
			return d
		}
		signature := func(d *truhook.Delivery) string { return strings.TrimPrefix(d.Header.Get("Acme-Signature"), "v1,") }
		for name, tt := range map[string]struct {
			signed string
			change func(d *truhook.Delivery)
			want   string
		}{
			"nothing":       {body, func(*truhook.Delivery) {}, ""},
			"written again": {string(texts["python"]), func(d *truhook.Delivery) { d.Body = texts["node"] }, "body-reserialized/Python"},
			"PHP":           {string(texts["php"]), func(d *truhook.Delivery) { d.Body = texts["python"] }, "body-reserialized/PHP"},
			"gzip":          {body, func(d *truhook.Delivery) { d.Body = packed.Bytes() }, "body-content-encoding/gzip"},
			"base64":        {body, func(d *truhook.Delivery) { d.Body = []byte(base64.StdEncoding.EncodeToString(d.Body)) }, "body-base64"},
			"a line break":  {body, func(d *truhook.Delivery) { d.Body = append(d.Body, '\n') }, "body-text-changed/whitespace"},
			"no line break": {body + "\n", func(d *truhook.Delivery) { d.Body = []byte(body) }, "body-text-changed/whitespace"},
			"no prefix":     {body, func(d *truhook.Delivery) { d.Header.Set("Acme-Signature", signature(d)) }, "signature-form/prefix"},
			"another header": {body, func(d *truhook.Delivery) {
				d.Header["X-Other-Mac"] = d.Header["Acme-Signature"]
				d.Header.Del("Acme-Signature")
			}, "header-of-other-provider/X-Other-Mac"},
			"a similar header": {body, func(d *truhook.Delivery) {
				d.Header["Acme_Signature"] = d.Header["Acme-Signature"]
				d.Header.Del("Acme-Signature")
			}, "header-similar-name/Acme_signature"},
			"hex": {body, func(d *truhook.Delivery) {
				raw, err := base64.StdEncoding.DecodeString(signature(d))
				require.NoError(t, err)
				d.Header.Set("Acme-Signature", "v1,"+hex.EncodeToString(raw))
			}, "signature-form/encoding"},
			"too late":   {body, func(d *truhook.Delivery) { d.Received = now.Add(time.Hour) }, "likely time-outside-window"},
			"cut":        {body, func(d *truhook.Delivery) { d.Body = d.Body[:9] }, "likely body-cut"},
			"redirected": {body, func(d *truhook.Delivery) { d.Method, d.Body = http.MethodGet, []byte{} }, "likely request-redirected/GET"},
		} {
			d := sign(tt.signed)
			tt.change(d)
			got, e := explained(t, v, d)
			assert.Equal(t, tt.want, got, "%v, %s: %+v", a, name, e)
			assert.True(t, e.Complete, "%v, %s", a, name)
		}
	}

	s := scheme(keysig.Ed25519)
	v := verifier(t, s, key(keysig.Ed25519, "2026"))
	other := verifier(t, s, keysig.Key{ID: "production", Public: elsewhere.Public()})
	d := signedBy(t, s, elsewhere)
	got, e := explained(t, v, d, truhook.AnyOf(other))
	require.Equal(t, "key-of-other-environment/acme, key production", got)
	require.True(t, e.Findings[0].Proven)
	got, _ = explained(t, v, d)
	require.Equal(t, "likely no-cause-found", got, "a key that is not given")

	expired := key(keysig.Ed25519, "2026")
	expired.NotAfter = now.Add(-1)
	got, _ = explained(t, verifier(t, s, expired), signedBy(t, s, privateKeys()[keysig.Ed25519]))
	require.Equal(t, "key-expired", got)
	for _, raw := range []keysig.Algorithm{keysig.ECDSARaw, keysig.RSAPSS} {
		likewise := map[keysig.Algorithm]keysig.Algorithm{keysig.ECDSARaw: keysig.ECDSA, keysig.RSAPSS: keysig.RSAPKCS1v15}[raw]
		got, _ = explained(t, verifier(t, scheme(likewise), key(likewise, "2026")), signedBy(t, scheme(raw), privateKeys()[raw]))
		require.True(t, strings.HasPrefix(got, "signature-other-algorithm/"), got)
	}
}

func TestExplain_TheBudgetHoldsWithoutSHAInstructions(t *testing.T) {
	t.Parallel()
	cputest.WithoutExtensions(t, "TestExplain_TheBudgetHolds")
}

func TestExplain_TheBudgetHolds(t *testing.T) {
	t.Parallel()
	hostile := []byte("[1" + strings.Repeat(",1", 1<<19) + "]")
	var v *keysig.Verifier
	var d *truhook.Delivery
	for a, private := range privateKeys() {
		s := scheme(a)
		var keys []keysig.Key
		for i := range 16 {
			keys = append(keys, key(a, fmt.Sprint("key ", i)))
		}
		v, d = verifier(t, s, keys...), signedBy(t, s, private)
		d.Body = hostile
		for _, budget := range []int64{0, 1, 1 << 10, 1 << 20, 8 << 20} {
			e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: budget})
			require.LessOrEqual(t, e.HashedBytes, budget, a)
			require.False(t, e.Complete, a)
			for _, f := range e.Findings {
				require.False(t, f.Proven, a)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, v.Explain(ctx, truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 30}).Complete)
	var none *keysig.Verifier
	for _, v := range []*keysig.Verifier{none, {}} {
		require.Equal(t, truhook.NoKey, v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1}).Reason)
	}
	require.Equal(t, truhook.MissingSignature, v.Explain(t.Context(), truhook.ExplainQuery{MaxHashedBytes: 1}).Reason)
}
