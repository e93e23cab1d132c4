package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// invite prints how to keep a receiver running at addr, and a line for the shell that sends it a genuine delivery.
func invite(out io.Writer, before, addr string) error {
	const body = `{"webhook_id":"0001","event_type":"order-created","order_id":"17"}`
	key, err := hmacsig.NewKey("current", truvSecret)
	if err != nil {
		return err
	}
	header := http.Header{}
	if err := truv.Scheme().Sign(header, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `%s
Change one character of the body or of the signature, and it is refused.

  curl -i http://%s/webhooks/truv \
    -H 'X-WEBHOOK-SIGN: %s' \
    --data-binary '%s'
`, before, addr, header.Get(truv.Scheme().Header), body)
	return err
}
