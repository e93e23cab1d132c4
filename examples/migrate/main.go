// Migrate puts Truhook in the place of a hand-written check without losing an event. Both checks are asked about every
// delivery: first the old one decides and disagreements are told, then a disagreement is answered 503, at last the old
// one goes. The program delivers recorded deliveries in each of the stages and prints what became of them.
//
//	go run ./examples/migrate
//
// both.go is what a service takes over; old.go stands for the check that is there already.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// The secrets are those of the recorded deliveries and open nothing.
const (
	current  = "sandbox-7e577e577e577e577e577e577e577e577e577e57"
	previous = "sandbox-01d07e5701d07e5701d07e5701d07e5701d07e57"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

// stage returns the route of a service in the given stage of its migration.
func stage(name string, existing http.Handler, differ func(d *truhook.Delivery, old, new error)) (http.Handler, error) {
	v, err := truv.New(current, previous)
	if err != nil {
		return nil, err
	}
	switch name {
	case "observe":
		v := both{old: oldCheck(current), new: v, observe: true, differ: differ}
		return truhook.NewMiddleware(v, truhook.Config{}).Wrap(existing), nil
	case "agree":
		v := both{old: oldCheck(current), new: v, differ: differ}
		return truhook.NewMiddleware(v, truhook.Config{OnReject: comeAgain}).Wrap(existing), nil
	default:
		return truhook.NewMiddleware(v, truhook.Config{}).Wrap(existing), nil
	}
}

func run(out io.Writer) error {
	for _, name := range []string{"observe", "agree", "enforce"} {
		said := ""
		differ := func(_ *truhook.Delivery, old, new error) {
			said = fmt.Sprintf("  differ: old %s, new %s", verdict(old), verdict(new))
		}
		h, err := stage(name, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}), differ)
		if err != nil {
			return err
		}
		for _, file := range []string{"event-order-created", "body-tampered", "secret-rotated", "header-conflicting-genuine-first"} {
			said = ""
			status, err := deliver(h, file)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%-8s %-33s %d%s\n", name, file, status, said)
		}
	}
	return nil
}

func verdict(err error) string {
	if err == nil {
		return "accepts"
	}
	return string(truhook.ReasonOf(err))
}

func deliver(h http.Handler, name string) (status int, err error) {
	file, err := recorded.ReadFS(deliveries.FS(), "truv/"+name+".http")
	if err != nil {
		return 0, err
	}
	r, err := file.Request()
	if err != nil {
		return 0, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, nil
}
