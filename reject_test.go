package truhook_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestReject_SenderLearnsTheStatusAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, reason := range []truhook.Reason{
		truhook.SignatureMismatch, truhook.SourceNotAllowed, truhook.BodyTooLarge, truhook.NoKey, truhook.Internal,
	} {
		v := refusing(&truhook.Error{Scheme: "canary-scheme", Reason: reason, Err: fmt.Errorf("canary-text")})
		w, o := judge(t, v, truhook.Config{}, unreached(t), signed([]byte("canary-body")))
		requireRefused(t, reason, w, o)
		for name, lines := range w.Header() {
			assert.NotContains(t, name+strings.Join(lines, ""), "canary")
			assert.NotContains(t, strings.Join(lines, ""), string(reason))
		}
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	}
}

func TestReject_AllRefusalsOfOneStatusLookTheSame(t *testing.T) {
	t.Parallel()
	var first *httptest.ResponseRecorder
	for _, reason := range []truhook.Reason{truhook.SignatureMismatch, truhook.MissingSignature, truhook.Expired, truhook.Refused} {
		w, _ := judge(t, refusing(reason), truhook.Config{}, unreached(t), signed(nil))
		if first == nil {
			first = w
		}
		require.Equal(t, first.Result().Status, w.Result().Status)
		require.Equal(t, first.Header(), w.Header())
		require.Equal(t, first.Body.String(), w.Body.String())
	}
}

func TestReject_ConnectionIsClosedWhereABodyMayBeLeft(t *testing.T) {
	t.Parallel()
	for _, reason := range allReasons(t) {
		want := ""
		switch reason {
		case truhook.BodyTooLarge, truhook.BodyIncomplete, truhook.BodyTimedOut, truhook.Overloaded:
			want = "close"
		}
		w, _ := judge(t, refusing(reason), truhook.Config{}, unreached(t), signed(nil))
		require.Equal(t, want, w.Header().Get("Connection"), reason)
	}
}

// rejections are OnReject functions and the status that a refused delivery is answered with, where 401 is the Reason's.
var rejections = map[string]struct {
	onReject func(w http.ResponseWriter, r *http.Request, err error)
	status   int
	body     string
}{
	"nil":     {nil, 401, "Unauthorized\n"},
	"nothing": {func(http.ResponseWriter, *http.Request, error) {}, 401, "Unauthorized\n"},
	"headers only": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.Header().Set("Retry-After", "7")
	}, 401, "Unauthorized\n"},
	"a 1xx only": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusEarlyHints)
	}, 401, "Unauthorized\n"},
	"a status of its own": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusTeapot)
	}, 418, ""},
	"a deliberate 200": {func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(200) }, 200, ""},
	"a status and a body": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("nothing here"))
	}, 404, "nothing here"},
	"a 1xx and a status": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusProcessing)
		w.WriteHeader(http.StatusTeapot)
	}, 418, ""},
	"a body without a status": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		fmt.Fprint(w, "go away")
	}, 401, "go away"},
	"an empty body": {func(w http.ResponseWriter, _ *http.Request, _ error) { _, _ = w.Write(nil) }, 401, ""},
	"a flush": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		_ = http.NewResponseController(w).Flush()
	}, 401, ""},
	"a status and a flush": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusTeapot)
		_ = http.NewResponseController(w).Flush()
	}, 418, ""},
	"a hijack that fails": {func(w http.ResponseWriter, _ *http.Request, _ error) {
		_, _, _ = http.NewResponseController(struct{ http.ResponseWriter }{w}).Hijack()
	}, 401, "Unauthorized\n"},
}

func TestReject_OnRejectNeverMakesA2xxByAccident(t *testing.T) {
	t.Parallel()
	for name, tt := range rejections {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.HasPrefix(name, "a 1xx") {
				return // httptest.ResponseRecorder takes a 1xx for the answer; the server below does not
			}
			cfg := truhook.Config{OnReject: tt.onReject}
			w, _ := judge(t, truvVerifier(t), cfg, unreached(t), httptest.NewRequest(http.MethodPost, "/", nil))
			require.Equal(t, tt.status, w.Result().StatusCode)
			require.Equal(t, tt.body, w.Body.String())
		})
		t.Run(name+", over a server", func(t *testing.T) {
			t.Parallel()
			for _, http2 := range []bool{false, true} {
				m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{OnReject: tt.onReject})
				s := serve(t, m.Wrap(unreached(t)), http2)
				status, body := post(t, s, "", nil)
				require.Equal(t, tt.status, status)
				require.Equal(t, tt.body, body)
			}
		})
	}
}

func TestReject_OnRejectGetsTheErrorAndTheRequest(t *testing.T) {
	t.Parallel()
	r := signed([]byte("x"))
	called := 0
	cfg := truhook.Config{OnReject: func(_ http.ResponseWriter, got *http.Request, err error) {
		called++
		require.Same(t, r, got)
		require.ErrorIs(t, err, truhook.WrongPath)
	}}
	judge(t, refusing(truhook.WrongPath), cfg, unreached(t), r)
	require.Equal(t, 1, called)
}

func TestReject_OnRejectIsNotCalledForAnAcceptedDelivery(t *testing.T) {
	t.Parallel()
	cfg := truhook.Config{OnReject: func(http.ResponseWriter, *http.Request, error) { t.Error("called") }}
	w, _ := judge(t, truvVerifier(t), cfg, noContent(), signed([]byte("x")))
	require.Equal(t, http.StatusNoContent, w.Code)
}

func TestReject_OnRejectMayHijackTheConnection(t *testing.T) {
	t.Parallel()
	cfg := truhook.Config{OnReject: func(w http.ResponseWriter, _ *http.Request, _ error) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if assert.NoError(t, err) {
			_, _ = conn.Write([]byte("HTTP/1.1 444 Gone\r\n\r\n"))
			_ = conn.Close()
		}
	}}
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(unreached(t)), false)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 444, response.StatusCode)
}

func TestReject_HijackThatHTTP2CannotDoIsAnsweredByTheReason(t *testing.T) {
	t.Parallel()
	cfg := truhook.Config{OnReject: func(w http.ResponseWriter, _ *http.Request, _ error) {
		_, _, err := http.NewResponseController(w).Hijack()
		assert.Error(t, err)
	}}
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(unreached(t)), true)
	status, _ := post(t, s, "", nil)
	require.Equal(t, http.StatusUnauthorized, status)
}

// Every 503 asks the sender to come again, whoever writes it.
func TestReject_RetryAfterOnEvery503(t *testing.T) {
	t.Parallel()
	for reason, status := range map[truhook.Reason]int{
		truhook.KeysStale: 503, truhook.NoKey: 503, truhook.Overloaded: 503, truhook.Canceled: 503,
		truhook.SignatureMismatch: 401, truhook.SourceNotAllowed: 403, truhook.Internal: 500, truhook.BodyReplaced: 500,
	} {
		want := ""
		if status == http.StatusServiceUnavailable {
			want = "10"
		}
		for name, test := range map[string]struct {
			answer func(w http.ResponseWriter, r *http.Request, err error)
			status int
			want   string
		}{
			"the standard response": {nil, status, want},
			"OnReject, nothing":     {func(http.ResponseWriter, *http.Request, error) {}, status, want},
			"OnReject, a body":      {func(w http.ResponseWriter, _ *http.Request, _ error) { _, _ = io.WriteString(w, "x") }, status, want},
			"OnReject, a 503":       {func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(503) }, 503, "10"},
			"OnReject, a 500":       {func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(500) }, 500, ""},
			"OnReject, its own": {func(w http.ResponseWriter, _ *http.Request, _ error) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(503)
			}, 503, "7"},
			"OnReject, by controller": {func(w http.ResponseWriter, _ *http.Request, _ error) { _ = http.NewResponseController(w).Flush() }, status, want},
		} {
			w, _ := judge(t, refusing(reason), truhook.Config{OnReject: test.answer}, unreached(t), signed([]byte("x")))
			require.Equal(t, test.status, w.Code, "%s, %s", reason, name)
			require.Equal(t, test.want, w.Result().Header.Get("Retry-After"), "%s, %s", reason, name)
		}
	}
}
