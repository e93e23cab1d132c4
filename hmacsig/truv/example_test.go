package truv_test

import (
	"context"
	"fmt"
	"log"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// deliveryOf reads a recorded delivery.
func deliveryOf(name string) *truhook.Delivery {
	file, err := recorded.ReadFS(deliveries.FS(), "truv/"+name+".http")
	if err != nil {
		log.Fatal(err)
	}
	d, err := file.Delivery()
	if err != nil {
		log.Fatal(err)
	}
	return d
}

// The secret of a recorded delivery; a service reads its own from the environment. Two secrets while one is rotated.
func ExampleNew() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57", "sandbox-01d07e5701d07e5701d07e5701d07e5701d07e57")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"event-order-created", "secret-rotated"} {
		verified, err := v.Verify(context.Background(), deliveryOf(name))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, verified.Proofs[0].KeyID)
	}
	_, err = v.Verify(context.Background(), deliveryOf("body-tampered"))
	fmt.Println(err)
	_, err = truv.New("")
	fmt.Println(err != nil)
	// Output:
	// event-order-created current
	// secret-rotated previous-1
	// truv: signature-mismatch
	// true
}

func ExampleParse() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57")
	if err != nil {
		log.Fatal(err)
	}
	verified, err := v.Verify(context.Background(), deliveryOf("event-order-created"))
	if err != nil {
		log.Fatal(err)
	}
	event, err := truv.Parse(verified)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.Type, event.OrderNumber, event.Status, event.UpdatedAt)
	_, err = truv.Parse(nil) // nothing was verified
	fmt.Println(truhook.ReasonOf(err))
	// Output:
	// order-created test-order-17 pending 2026-03-02 09:29:58.104251 +0000 UTC
	// not-verified
}
