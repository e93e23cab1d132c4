package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
)

var keyCounts = []int{1, 2, 4, 8, 16}

// keyRace measures a verification of 1 KiB with more and more keys, the last of which fits.
func keyRace() race {
	s, body := schemeOf("github"), bodyOf(1<<10)
	d := truhook.NewDelivery(truhook.Delivery{Method: http.MethodPost, Header: signed(s, body), Body: body, Received: time.Now()})
	ctx := context.Background()
	r := race{name: sizeName(len(body))}
	for _, n := range keyCounts {
		v := verifierOf(s, n)
		r.contenders = append(r.contenders, contender{fmt.Sprint(n), func() {
			_, err := v.Verify(ctx, d)
			must(err)
		}})
	}
	return r
}
