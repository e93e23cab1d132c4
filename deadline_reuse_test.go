package truhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook"
)

// What watches over a body serves others later: those that come after many at once, of which some were late, are
// neither late nor read as others.
func TestDeadline_LatenessOfSomeBodiesIsNotThatOfTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		verbatim := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
			return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: "x"}}}, nil
		})
		m := truhook.NewMiddleware(verbatim, truhook.Config{})
		for wave, size := range []int{200, 1, 1, 2, 200} {
			var all sync.WaitGroup
			for i := range size {
				late := i%3 == 1
				want := fmt.Sprintf("%d of wave %d", i, wave)
				cut := make(chan struct{})
				w := deadlineWriter{httptest.NewRecorder(), func(time.Time) error {
					assert.True(t, late, want)
					close(cut)
					return nil
				}}
				rest := want
				r := httptest.NewRequest(http.MethodPost, "/", readerFunc(func(p []byte) (int, error) {
					if late {
						<-cut
						return 0, os.ErrDeadlineExceeded
					}
					<-time.After(time.Duration(i) * time.Millisecond)
					if rest == "" {
						return 0, io.EOF
					}
					n := copy(p, rest[:(len(rest)+1)/2])
					rest = rest[n:]
					return n, nil
				}))
				r.ContentLength = int64(len(want))
				all.Go(func() {
					m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						body, err := io.ReadAll(r.Body)
						assert.NoError(t, err)
						assert.Equal(t, want, string(body))
						w.WriteHeader(http.StatusNoContent)
					})).ServeHTTP(w, r)
					assert.Equal(t, map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusNoContent}[late], w.Code, want)
				})
			}
			all.Wait()
		}
	})
}

// The end of a handler, which gives back what its delivery held, is not the end of a body that began meanwhile.
func TestDeadline_EndOfAHandlerLeavesTheDeadlinesOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := truhook.NewMiddleware(accepting("x"), truhook.Config{})
		working, end := make(chan struct{}), make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			assert.Equal(t, http.StatusNoContent, status(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				close(working)
				<-end
				w.WriteHeader(http.StatusNoContent)
			})), signed([]byte("x"))))
		})
		<-working
		start, cut := time.Now(), make(chan struct{})
		all.Go(func() {
			w := deadlineWriter{httptest.NewRecorder(), func(time.Time) error { close(cut); return nil }}
			r := httptest.NewRequest(http.MethodPost, "/", readerFunc(func([]byte) (int, error) {
				<-cut
				return 0, os.ErrDeadlineExceeded
			}))
			r.ContentLength = 1
			m.Wrap(unreached(t)).ServeHTTP(w, r)
			assert.Equal(t, http.StatusServiceUnavailable, w.Code)
			assert.Equal(t, 5*time.Second, time.Since(start))
		})
		<-time.After(time.Second)
		close(end)
		all.Wait()
	})
}
