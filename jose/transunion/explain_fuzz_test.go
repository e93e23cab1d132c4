package transunion_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/truhook/truhook"
)

// FuzzExplain takes any delivery: no explanation panics, and none proves what the platform did not sign.
func FuzzExplain(f *testing.F) {
	v := verifier(f)
	good := delivery(f, "event-device-link")
	token := good.Header.Get("X-Iov-Jwt")
	f.Add("X-Iov-Jwt", token, good.RequestURI, good.Body)
	f.Add("Authorization", "IOV-JWT "+token, "/api"+good.RequestURI, append(good.Body[:len(good.Body):len(good.Body)], '\n'))
	f.Add("X_iov_jwt", "a.b.c", "/", []byte(`{"type":"X"}`))
	f.Fuzz(func(t *testing.T, name, value, uri string, body []byte) {
		d := &truhook.Delivery{Method: http.MethodPost, RequestURI: uri, Header: http.Header{name: {value}}, Body: body, Received: good.Received}
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 16})
		for _, finding := range e.Findings {
			if finding.Proven && !strings.Contains(value, token[:40]) {
				t.Fatalf("proven: %v", finding)
			}
		}
	})
}
