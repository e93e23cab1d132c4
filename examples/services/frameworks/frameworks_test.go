package frameworks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/examples/services/frameworks"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// A secret that was made for this test.
const testSecret = "prod-0123456789abcdef0123456789abcdef01234567"

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

func body(id string) string {
	return fmt.Sprintf(`{"webhook_id":%q,"event_type":"task-status-updated","event_created_at":%q,"task_id":"5214","status":"done"}`,
		id, time.Now().UTC().Format(time.RFC3339Nano))
}

func deliver(t *testing.T, s *httptest.Server, body, secret string) int {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r, err := http.NewRequest(http.MethodPost, s.URL+"/webhooks/truv", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-WEBHOOK-SIGN", "v1="+hex.EncodeToString(mac.Sum(nil)))
	res, err := s.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

var routes = map[string]func(*frameworks.Receiver) http.Handler{
	"echo":     func(r *frameworks.Receiver) http.Handler { return frameworks.Echo(r) },
	"gin":      frameworks.Gin,
	"chi":      frameworks.Chi,
	"ServeMux": frameworks.ServeMux,
}

func TestAFailingHandlerIsSeenAs5xxAndItsEventIsHandledByTheRedelivery(t *testing.T) {
	t.Parallel()
	for name, route := range routes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			r, err := frameworks.New(testSecret, idempotency.NewMemory(idempotency.MemoryConfig{}), func(ctx context.Context, ev *truv.Event) error {
				c, _ := idempotency.FromContext(ctx)
				calls++
				assert.EqualValues(t, calls, c.Attempt)
				if calls < 3 {
					return errors.New("the database is away")
				}
				return nil
			})
			require.NoError(t, err)
			s := httptest.NewServer(route(r))
			defer s.Close()
			b := body("488f0b1f5a3c4d7e8f9a0b1c2d3e4f50")
			for i, want := range []int{503, 503, 200, 200} {
				assert.Equal(t, want, deliver(t, s, b, testSecret), "delivery %d", i+1)
			}
			assert.Equal(t, 3, calls)
			assert.Equal(t, http.StatusUnauthorized, deliver(t, s, b, "another secret"))
		})
	}
}

func TestWhatCannotBeParsedIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for name, route := range routes {
		r, err := frameworks.New(testSecret, idempotency.NewMemory(idempotency.MemoryConfig{}), func(context.Context, *truv.Event) error {
			return retry.Permanent(errors.New("the account is closed"))
		})
		require.NoError(t, err)
		s := httptest.NewServer(route(r))
		assert.Equal(t, 200, deliver(t, s, body("588f0b1f5a3c4d7e8f9a0b1c2d3e4f50"), testSecret), name)
		s.Close()
	}
}

// Why Do and not Wrap: echo writes the status of an error after the middleware has returned, so that a middleware that
// looks at the status takes the failed event for a handled one. This is not a defect of echo; it is what Wrap's comment
// warns of.
func TestWrapUnderEchoWouldCompleteAFailedEvent(t *testing.T) {
	t.Parallel()
	v, err := truv.New(testSecret)
	require.NoError(t, err)
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truv/prod", truv.EventID, idempotency.Config{})
	require.NoError(t, err)
	var calls atomic.Int32
	e := echo.New()
	e.POST("/webhooks/truv", func(echo.Context) error { calls.Add(1); return errors.New("the database is away") },
		echo.WrapMiddleware(truhook.NewMiddleware(v, truhook.Config{}).Wrap), echo.WrapMiddleware(once.Wrap))
	s := httptest.NewServer(e)
	defer s.Close()
	b := body("688f0b1f5a3c4d7e8f9a0b1c2d3e4f50")
	first, second := deliver(t, s, b, testSecret), deliver(t, s, b, testSecret)
	t.Logf("Wrap under echo: %d, then %d, %d call(s)", first, second, calls.Load())
	assert.Equal(t, 200, second)
	assert.EqualValues(t, 1, calls.Load(), "the event was lost")
}
