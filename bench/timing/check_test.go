package timing

import (
	"context"
	"net/http"
	"testing"

	"github.com/truhook/truhook"
)

// checkRows are about the secrets that a head carries as they are.
func checkRows(testing.TB) []row {
	const right, uri, basic = "truhook-test-only-token-of-the-head", "/hook?token=", "Basic "
	of := func(name string, c truhook.Check, before string, d func(text string) *truhook.Delivery) row {
		text := before + right
		input := []byte(text)
		sent := d(inPlace(input))
		return row{
			name: name + ": which byte is wrong", wants: same(truhook.CheckFailed, 2),
			subject: subject{input: input, call: func() error { return c.Run(context.Background(), sent) }},
			classes: []class{wrongAt("first byte", text, len(before), letters), wrongAt("last byte", text, len(text)-1, letters)},
		}
	}
	header := func(name string) func(text string) *truhook.Delivery {
		return func(text string) *truhook.Delivery { return &truhook.Delivery{Header: http.Header{name: {text}}} }
	}
	return []row{
		of("HeaderEquals", truhook.HeaderEquals("X-Token", right), "", header("X-Token")),
		of("HeaderEquals, Authorization", truhook.HeaderEquals("Authorization", basic+right), basic, header("Authorization")),
		of("QueryEquals", truhook.QueryEquals("token", right), uri, func(text string) *truhook.Delivery {
			return &truhook.Delivery{RequestURI: text, Header: http.Header{}}
		}),
	}
}
