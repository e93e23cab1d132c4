package main_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	command "github.com/truhook/truhook/cmd/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

func TestProgram_IsStaticAndUnder15MB(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "truhook")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", name, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	info, err := os.Stat(name)
	require.NoError(t, err)
	assert.Less(t, info.Size(), int64(15_000_000))
}

// What listen keeps does not grow with what it has received.
func TestListen_HeapIsBounded(t *testing.T) {
	r, err := command.NewReceiver(listenSecret)
	require.NoError(t, err)
	body := []byte(`{"webhook_id":"` + strings.Repeat("x", 4<<10) + `"}`)
	header := http.Header{}
	key, err := hmacsig.NewKey("k", listenSecret)
	require.NoError(t, err)
	require.NoError(t, truv.Scheme().Sign(header, key, hmacsig.Message{Body: body}))
	n := 0
	receive := func(until int) uint64 {
		for ; n < until; n++ {
			req := httptest.NewRequest(http.MethodPost, "/hooks", bytes.NewReader(body))
			req.Header.Set("X-WEBHOOK-SIGN", header.Get("X-WEBHOOK-SIGN"))
			r.Receive(httptest.NewRecorder(), req)
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first := receive(1_000)
	assert.Less(t, float64(receive(10_000)), 1.2*float64(first))
}

func BenchmarkVerify_OneMebibyte(b *testing.B) {
	dir := b.TempDir()
	body := `{"webhook_id":"1","pad":[` + strings.TrimSuffix(strings.Repeat("1,", 1<<19), ",") + `]}`
	request := "POST /hooks HTTP/1.1\r\nHost: receiver.example\r\nX-WEBHOOK-SIGN: v1=" + strings.Repeat("0", 64) + "\r\n\r\n" + body
	require.NoError(b, os.WriteFile(filepath.Join(dir, "r.http"), []byte(request), 0o600))
	require.NoError(b, os.WriteFile(filepath.Join(dir, "s.txt"), []byte("truv/current="+listenSecret+"\n"), 0o600))
	for b.Loop() {
		self, err := os.Executable()
		require.NoError(b, err)
		c := exec.Command(self, "verify", "-provider", "truv", "-secrets", "s.txt", "r.http")
		c.Dir, c.Env = dir, append(os.Environ(), "TRUHOOK_AS_PROGRAM=1")
		_ = c.Run()
	}
}
