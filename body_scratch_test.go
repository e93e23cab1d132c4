package truhook_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// keep serves one body of so many bytes c, announced as told, and returns what the handler was given, without a copy.
func keep(t *testing.T, m *truhook.Middleware, c byte, arrived, announced int) (kept []byte, status int) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(nil))
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{c}, arrived))))
	r.ContentLength = int64(announced)
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d, _ := truhook.DeliveryFromContext(r.Context())
		kept = d.Body
	})).ServeHTTP(w, r)
	return kept, w.Code
}

// Large bodies pass through buffers that the next ones use again. What a handler was given is its own all the same.
func TestBody_IsNotWrittenOnceItWasHandedOn(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(accepting("x"), truhook.Config{MaxBodyBytes: 4 << 20})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			type one struct {
				c    byte
				n    int
				kept []byte
			}
			var all []one
			for i, size := range []int{16<<10 - 1, 16 << 10, 16<<10 + 1, 17 << 10, 32 << 10, 33 << 10, 100 << 10, 1 << 20, 3 << 20} {
				for short, arrived := range []int{size, size/2 + 1, 3} { // the others end early: another body than announced
					c := byte(1 + 40*g + 3*i + short)
					kept, status := keep(t, m, c, arrived, size)
					require.Equal(t, http.StatusOK, status)
					all = append(all, one{c, arrived, kept})
				}
			}
			for _, o := range all {
				require.Len(t, o.kept, o.n)
				require.Equal(t, o.n, bytes.Count(o.kept, []byte{o.c}), "%d bytes", o.n)
			}
		})
	}
	wg.Wait()
}

// However a large body ends, the next one is whole.
func TestBody_AfterOneThatFailedIsWhole(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(accepting("x"), truhook.Config{})
	ends := map[string]io.Reader{
		"an error": iotest.ErrReader(errors.New("cut off")),
		"a panic":  readerFunc(func([]byte) (int, error) { panic(http.ErrAbortHandler) }),
		"nothing":  readerFunc(func([]byte) (int, error) { return 0, nil }),
		"too much": readerFunc(func(p []byte) (int, error) { return len(p) + 1, nil }),
	}
	for name, end := range ends {
		for _, arrived := range []int{0, 1, 16 << 10, 40 << 10} {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("x"), arrived)), end))
			r.ContentLength = 100 << 10
			func() {
				defer func() { _ = recover() }()
				m.Wrap(noContent()).ServeHTTP(httptest.NewRecorder(), r)
			}()
			kept, status := keep(t, m, 'y', 100<<10, 100<<10)
			require.Equal(t, http.StatusOK, status, name)
			require.Equal(t, 100<<10, bytes.Count(kept, []byte("y")), "%s, %d bytes", name, arrived)
		}
	}
}
