package house_test

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// Every recorded delivery of the HMAC providers, by Verify and as raw bytes through a socket.
func TestRecordedDeliveriesGetTheVerdictTheyExpect(t *testing.T) {
	t.Parallel()
	for provider, scheme := range map[string]hmacsig.Scheme{
		"truv": truv.Scheme(), "trulioo": trulioo.Scheme(), "truval": truval.Scheme(),
	} {
		names, err := fs.Glob(deliveries.FS(), provider+"/*.http")
		require.NoError(t, err)
		require.Greater(t, len(names), 60, "the files of %s", provider)
		for _, name := range names {
			t.Run(strings.TrimSuffix(name, path.Ext(name)), func(t *testing.T) {
				t.Parallel()
				file, err := recorded.ReadFS(deliveries.FS(), name)
				require.NoError(t, err)
				require.Equal(t, provider, file.Provider)
				d, err := file.Delivery()
				require.NoError(t, err)

				for how, v := range verifiersFor(t, file, scheme) {
					verified, err := v.Verify(t.Context(), d)
					assert.Equal(t, file.Expect, truhook.ReasonOf(err), how)
					if err == nil {
						assert.Equal(t, d.Body, verified.Payload, how)
					}
					assertThroughASocket(t, how, v, file, d.Body)
				}
			})
		}
	}
}

// verifiersFor returns the verifier over the file's secrets, and the provider's own constructor where it can hold them.
func verifiersFor(t *testing.T, file *recorded.File, scheme hmacsig.Scheme) map[string]truhook.Verifier {
	t.Helper()
	var keys []hmacsig.Key
	var secrets []string
	windows := false
	for _, s := range file.Secrets {
		key, err := hmacsig.NewKey(s.ID, s.Value)
		require.NoError(t, err)
		key.NotBefore, key.NotAfter = s.NotBefore, s.NotAfter
		keys = append(keys, key)
		secrets = append(secrets, s.Value)
		windows = windows || !s.NotBefore.IsZero() || !s.NotAfter.IsZero()
	}
	v, err := hmacsig.New(scheme, hmacsig.StaticKeys(keys...), hmacsig.Config{})
	require.NoError(t, err)
	all := map[string]truhook.Verifier{"scheme": v}
	switch {
	case file.Provider == "trulioo":
		all["New"], err = trulioo.New(hmacsig.StaticKeys(keys...), hmacsig.Config{})
	case file.Provider == "truv" && !windows:
		all["New"], err = truv.New(secrets[0], secrets[1:]...)
	case file.Provider == "truval" && !windows:
		all["New"], err = truval.New(secrets[0], secrets[1:]...)
	}
	require.NoError(t, err)
	return all
}

func assertThroughASocket(t *testing.T, how string, v truhook.Verifier, file *recorded.File, body []byte) {
	t.Helper()
	var reason truhook.Reason
	var handled []byte
	cfg := truhook.Config{Observe: func(_ context.Context, o truhook.Observation) { reason = truhook.ReasonOf(o.Err) }}
	if !file.Now.IsZero() {
		cfg.Now = func() time.Time { return file.Now }
	}
	server := httptest.NewServer(truhook.NewMiddleware(v, cfg).Wrap(http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			var err error
			handled, err = io.ReadAll(r.Body)
			assert.NoError(t, err)
		})))
	defer server.Close()

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = conn.Write(file.Wire) // fails if the head alone is refused
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	conn.Close()
	<-written
	server.Close()

	assert.Equal(t, file.Expect, reason, how)
	if file.Expect == "" {
		assert.Equal(t, http.StatusOK, response.StatusCode, how)
		assert.Equal(t, string(body), string(handled), "%s: what the handler reads", how)
		return
	}
	assert.Equal(t, file.Expect.Status(), response.StatusCode, how)
	assert.Nil(t, handled, "%s: the handler ran", how)
}

func TestTheRecordedEventsAreReadAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	read := map[string]func(v *truhook.Verified) (kind, id string, err error){
		"truv": func(v *truhook.Verified) (string, string, error) {
			e, err := truv.Parse(v)
			if err != nil {
				return "", "", err
			}
			id, err := truv.EventID(v)
			return string(e.Type), id, err
		},
		"trulioo": func(v *truhook.Verified) (string, string, error) {
			e, err := trulioo.Parse(v)
			if err != nil {
				return "", "", err
			}
			id, err := trulioo.EventID(v)
			return strings.ToLower(strings.ReplaceAll(string(e.Type), "_", "-")), id, err
		},
		"truval": func(v *truhook.Verified) (string, string, error) {
			e, err := truval.Parse(v)
			if err != nil {
				return "", "", err
			}
			id, err := truval.EventID(v)
			return strings.ReplaceAll(string(e.Status), "_", "-"), id, err
		},
	}
	for provider, parse := range read {
		names, err := fs.Glob(deliveries.FS(), provider+"/event-*.http")
		require.NoError(t, err)
		ids := map[string]string{}
		for _, name := range names {
			file, err := recorded.ReadFS(deliveries.FS(), name)
			require.NoError(t, err)
			d, err := file.Delivery()
			require.NoError(t, err)
			kind, id, err := parse(&truhook.Verified{Payload: d.Body})
			require.NoError(t, err, name)
			assert.NotEmpty(t, id, name)
			if !strings.Contains(name, "transaction") { // a kind of its own, without a type
				assert.Contains(t, name, "event-"+kind)
			}
			if before, twice := ids[id]; twice && provider != "truval" { // whose id is of the status here
				assert.Contains(t, before+name, "retried", "%s has the id of %s", name, before)
			}
			ids[id] = name
		}
		if provider == "trulioo" {
			assert.Len(t, ids, len(names)-1, "a retried event has other bytes and the same id")
		}
	}
}
