package truval_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truval"
)

// callback is what Truval would send for a verify request that gave this secret.
func callback(secret string) *truhook.Delivery {
	key, err := hmacsig.NewKey("example", secret)
	if err != nil {
		log.Fatal(err)
	}
	d := &truhook.Delivery{Header: http.Header{}, Body: []byte(`{"job_id":"j1","email":"ann@example.com","valid":true,"status":"deliverable","confidence":0.97}`)}
	if err := truval.Scheme().Sign(d.Header, key, hmacsig.Message{Body: d.Body}); err != nil {
		log.Fatal(err)
	}
	return d
}

// One secret for all verify requests. Where each has its own, give hmacsig.New a source that finds it.
func ExampleNew() {
	v, err := truval.New("whsec_made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	for _, secret := range []string{"whsec_made-for-this-example", "made-for-this-example"} { // whsec_ is part of it
		_, err := v.Verify(context.Background(), callback(secret))
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// truval: signature-mismatch
}

// A secret for the member webhook_secret of a verify request.
func ExampleNewSecret() {
	one, other := truval.NewSecret(), truval.NewSecret()
	fmt.Println(len(one), one != other)
	// Output: 64 true
}

func ExampleParse() {
	v, err := truval.New("whsec_made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	verified, err := v.Verify(context.Background(), callback("whsec_made-for-this-example"))
	if err != nil {
		log.Fatal(err)
	}
	event, err := truval.Parse(verified)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.JobID, event.Valid, event.Status == truval.Deliverable, event.Confidence)
	// Output: j1 true true 0.97
}
