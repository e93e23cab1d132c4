package trulioo_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/trulioo"
)

// FuzzChallenge sends any body as an unsigned handshake: it is echoed as JSON, or goes on with its bytes whole.
func FuzzChallenge(f *testing.F) {
	f.Add(`{"type":"url_verification","challenge":"abc"}`)
	f.Add(`{"type":"URL_VERIFICATION","challenge":"<script>\u0000"}`)
	f.Add(`{"type":"url_verification","type":"x","challenge":1}`)
	f.Add("\ufeff" + `{"type":"url_verification","challenge":-1.50e400}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, body string) {
		passed, went := "", false
		h := trulioo.InsecureAnswerUnsignedChallenge(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			data, err := io.ReadAll(r.Body)
			assert.NoError(t, err)
			passed, went = string(data), true
		}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if went {
			require.Equal(t, body, passed)
			return
		}
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		var response, sent map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &response))
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(body, "\ufeff")), &sent))
		require.Len(t, response, 1)
		require.NotEmpty(t, response["challenge"])
	})
}
