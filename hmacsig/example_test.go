package hmacsig_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truval"
)

// Any provider that signs by an HMAC is a Scheme, such as GitHub, with the example of its own documentation.
func ExampleNew() {
	github := hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="}
	key, err := hmacsig.NewKey("2026", "It's a Secret to Everybody") // os.Getenv("GITHUB_WEBHOOK_SECRET")
	if err != nil {
		panic(err)
	}
	v, err := hmacsig.New(github, hmacsig.StaticKeys(key), hmacsig.Config{})
	if err != nil {
		panic(err)
	}

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	verify := truhook.NewMiddleware(v, truhook.Config{})
	for _, body := range []string{"Hello, World!", "Hello, World?"} {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/github", strings.NewReader(body))
		r.Header.Set("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
		w := httptest.NewRecorder()
		verify.Wrap(handler).ServeHTTP(w, r)
		fmt.Println(body, w.Code)
	}
	// Output:
	// Hello, World! 204
	// Hello, World? 401
}

// Truval's secret belongs to one verify request, so the URL that was registered says which one it is. What the URL says
// is not proven before the signature fits, and a key that is not stored yet is answered 503: Truval comes again.
func ExampleKeySourceFunc() {
	stored := map[string]hmacsig.Key{} // by request, kept by your service
	source := hmacsig.KeySourceFunc(func(_ context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
		address, err := url.ParseRequestURI(q.Delivery.RequestURI)
		if err != nil {
			return nil, truhook.UnknownKey
		}
		key, found := stored[address.Query().Get("request")]
		if !found {
			return nil, nil
		}
		return []hmacsig.Key{key}, nil
	})
	v, err := hmacsig.New(truval.Scheme(), source, hmacsig.Config{})
	if err != nil {
		panic(err)
	}

	key, err := hmacsig.NewKey("request-17", truval.NewSecret())
	if err != nil {
		panic(err)
	}
	body := []byte(`{"job_id":"j","status":"deliverable"}`)
	d := &truhook.Delivery{RequestURI: "/webhooks/truval?request=17", Header: http.Header{}, Body: body}
	if err := truval.Scheme().Sign(d.Header, key, hmacsig.Message{Body: body}); err != nil { // as Truval does
		panic(err)
	}
	_, err = v.Verify(context.Background(), d)
	fmt.Println(truhook.ReasonOf(err), truhook.ReasonOf(err).Status())

	stored["17"] = key
	verified, err := v.Verify(context.Background(), d)
	fmt.Println(verified.Proofs[0].KeyID, err)
	// Output:
	// no-key 503
	// request-17 <nil>
}

// During a rotation both keys are given, the old one with the end of its validity. The proof says which one fitted.
func ExampleKey() {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	now, err := hmacsig.NewKey("march", "secret of March, made for this example")
	if err != nil {
		panic(err)
	}
	old, err := hmacsig.NewKey("february", "secret of February, made for this example")
	if err != nil {
		panic(err)
	}
	old.NotAfter = noon
	v, err := trulioo.New(hmacsig.StaticKeys(now, old), hmacsig.Config{})
	if err != nil {
		panic(err)
	}

	d := &truhook.Delivery{Header: http.Header{}, Body: []byte(`{}`)}
	if err := trulioo.Scheme().Sign(d.Header, old, hmacsig.Message{Body: d.Body}); err != nil {
		panic(err)
	}
	for _, received := range []time.Time{noon, noon.Add(time.Second)} {
		d.Received = received
		if verified, err := v.Verify(context.Background(), d); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(verified.Proofs[0].KeyID)
		}
	}
	// Output:
	// february
	// trulioo: key-expired
}
