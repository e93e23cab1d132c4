package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// invite prints a line for the shell that sends a genuine delivery, and what to change about it.
func invite(out io.Writer, addr string) error {
	const body = `{"webhook_id":"0001","event_type":"order-created","order_id":"17","status":"pending"}`
	key, err := hmacsig.NewKey("current", truvSecret)
	if err != nil {
		return err
	}
	header := http.Header{}
	if err := truv.Scheme().Sign(header, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		return err
	}
	fmt.Fprintf(out, `Listening on %s. A genuine delivery of Truv:

curl -i http://%s/webhooks/truv -H 'Content-Type: application/json' -H 'X-WEBHOOK-SIGN: %s' --data-binary '%s'

Change one character of the body or of the signature, and it is refused. Ctrl-C ends.
`, addr, addr, header.Get(truv.Scheme().Header), body)
	return nil
}
