package receivers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/cmd/truhook/internal/receivers"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
	"github.com/truhook/truhook/truhooktest"
)

const secret = "truhook-test-only-receiver-secret"

// A service counts what came through to it.
type service struct {
	mux     *http.ServeMux
	store   *store
	handled int
}

func newService() *service {
	return &service{mux: http.NewServeMux(), store: &store{Store: idempotency.NewMemory(idempotency.MemoryConfig{})}}
}

// A store notes the fingerprints of the bodies that it was asked for.
type store struct {
	idempotency.Store
	bodies map[idempotency.Fingerprint]int
}

func (s *store) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	if s.bodies == nil {
		s.bodies = map[idempotency.Fingerprint]int{}
	}
	s.bodies[c.Fingerprint]++
	return s.Store.Claim(ctx, c)
}

func (s *service) handle(context.Context, *truhook.Verified) error { s.handled++; return nil }

func (s *service) save(context.Context, []byte) error { s.handled++; return nil }

func (s *service) receive(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.mux.ServeHTTP(w, r)
	return w
}

func (s *service) receiveFile(t *testing.T, name string) *httptest.ResponseRecorder {
	t.Helper()
	file, err := recorded.ReadFS(deliveries.FS(), name)
	require.NoError(t, err)
	r, err := file.Request()
	require.NoError(t, err)
	return s.receive(r)
}

// post signs body as the provider does.
func post(t *testing.T, scheme hmacsig.Scheme, under, path, body string) *http.Request {
	t.Helper()
	key, err := hmacsig.NewKey("test", under)
	require.NoError(t, err)
	return truhooktest.NewRequest(t, truhooktest.HMAC(scheme, key), path, truhooktest.Event{
		Body: []byte(body), At: time.Date(2026, 3, 2, 9, 30, 1, 0, time.UTC),
	})
}

func TestTrulioo_RegistersAndHandlesARedeliveryOnce(t *testing.T) {
	t.Setenv("TRULIOO_WEBHOOK_SECRET", secret)
	s := newService()
	receivers.Trulioo(s.mux, s.store, s.handle)

	const handshake = `{"type":"URL_VERIFICATION","challenge":"made-for-this-test"}`
	w := s.receive(post(t, trulioo.Scheme(), secret, "/webhooks/trulioo", handshake))
	assert.Equal(t, http.StatusOK, w.Code)
	var answer struct{ Challenge string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), "%s", w.Body)
	assert.Equal(t, "made-for-this-test", answer.Challenge)
	assert.Zero(t, s.handled)

	w = s.receive(post(t, trulioo.Scheme(), "another-secret-of-the-test", "/webhooks/trulioo", handshake))
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	w = s.receive(httptest.NewRequest(http.MethodPost, "/webhooks/trulioo", strings.NewReader(handshake)))
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.NotContains(t, w.Body.String(), "made-for-this-test")

	for _, retried := range []string{"0", "1", "2"} { // the counter is signed, and changes with each attempt
		body := `{"id":"952255da","event":{"type":"FLOW_END","ts":1772443798},"nodeId":"n","serviceType":"s","retry":` + retried + `}`
		w := s.receive(post(t, trulioo.Scheme(), secret, "/webhooks/trulioo", body))
		assert.Equal(t, http.StatusOK, w.Code, retried)
	}
	assert.Len(t, s.store.bodies, 1, "the counter makes it no other body")
	assert.Equal(t, 1, s.handled)
}

func TestTruv_HandlesOnceAndRefusesForgeries(t *testing.T) {
	t.Setenv("TRUV_ACCESS_SECRET", "sandbox-7e577e577e577e577e577e577e577e577e577e57")
	t.Setenv("TRUV_WEBHOOK_SECRET", "not-the-one-that-the-page-names")
	s := newService()
	receivers.Truv(s.mux, s.store, s.save)
	for _, forged := range []string{"body-tampered", "header-missing", "secret-rotated"} {
		assert.Equal(t, http.StatusUnauthorized, s.receiveFile(t, "truv/"+forged+".http").Code, forged)
	}
	assert.Zero(t, s.handled)
	for range 2 {
		assert.Equal(t, http.StatusOK, s.receiveFile(t, "truv/event-order-created.http").Code)
	}
	assert.Zero(t, s.handled, "an order that was created is not completed")
	for range 2 {
		assert.Equal(t, http.StatusOK, s.receiveFile(t, "truv/event-order-status-updated.http").Code)
	}
	assert.Equal(t, 1, s.handled)
}

func TestTruval_SavesOnce(t *testing.T) {
	t.Setenv("TRUVAL_WEBHOOK_SECRET", secret)
	s := newService()
	receivers.Truval(s.mux, s.store, s.save)
	const body = `{"job_id":"j-1","valid":true,"status":"deliverable"}`
	assert.Equal(t, http.StatusUnauthorized, s.receive(post(t, truval.Scheme(), "another-secret-of-the-test", "/webhooks/truval", body)).Code)
	assert.Zero(t, s.handled)
	for range 2 {
		assert.Equal(t, http.StatusOK, s.receive(post(t, truval.Scheme(), secret, "/webhooks/truval", body)).Code)
	}
	assert.Equal(t, 1, s.handled)
	assert.Equal(t, http.StatusOK, s.receive(post(t, truval.Scheme(), secret, "/webhooks/truval", `{"job_id":"j-2","valid":false}`)).Code)
	assert.Equal(t, 1, s.handled)
}

func TestTransUnion_HandlesOnceAndRefusesForgeries(t *testing.T) {
	t.Parallel()
	read := func(name string) []byte {
		pem, err := os.ReadFile("../../../../recorded/deliveries/transunion/" + name)
		require.NoError(t, err)
		return pem
	}
	s := newService()
	receivers.TransUnion(s.mux, s.store, read("platform-public.pem"), read("service-current.pem"), s.handle)
	assert.Equal(t, http.StatusUnauthorized, s.receiveFile(t, "transunion/token-forged.http").Code)
	assert.Zero(t, s.handled)
	for range 2 {
		assert.Equal(t, http.StatusOK, s.receiveFile(t, "transunion/event-authorization-response.http").Code)
	}
	assert.Equal(t, 1, s.handled)
}
