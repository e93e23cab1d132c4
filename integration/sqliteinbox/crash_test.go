package sqliteinbox_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

// kills is small in the normal run: go test . -run KilledAtRandom -kills 200
var kills = flag.Int("kills", 10, "how often a process is killed in the crash tests")

// A child process is a receiver and its worker. The variable holds the database and the file of effects.
const childEnv = "TRUHOOK_INBOX_CHILD"

func child() {
	name, file, _ := strings.Cut(os.Getenv(childEnv), "\n")
	check := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	db, err := database(name).connect()
	check(err)
	effects, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	check(err)
	q, err := sqliteinbox.New(db, sqliteinbox.Config{
		Lease: 400 * time.Millisecond, Poll: 10 * time.Millisecond, MaxAttempts: -1,
		Backoff: func(int) time.Duration { return 20 * time.Millisecond },
	})
	check(err)
	accept, err := inbox.NewHandler(q, "truv/test", func(v *truhook.Verified) (string, error) { return string(v.Payload), nil }, inbox.Config{})
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr())
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // loopback
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			ctx := truhook.NewContext(r.Context(), &truhook.Verified{Payload: body}) // verified, for the sake of the test
			accept.ServeHTTP(w, r.WithContext(ctx))
		}))
	}()
	check(q.Run(context.Background(), func(ctx context.Context, v *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		if bytes.HasPrefix(v.Payload, []byte("tx")) {
			return once(ctx, q, db, string(v.Payload))
		}
		pause()
		_, err := fmt.Fprintf(effects, "%s %d\n", v.Payload, c.Attempt)
		pause()
		return err
	}))
}

// once has its effect in the transaction that completes the event.
func once(ctx context.Context, q *sqliteinbox.Queue, db *sql.DB, id string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "INSERT INTO effect VALUES ($1)", id); err != nil {
		return err
	}
	if err := q.Complete(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

func pause() { time.Sleep(rand.N(4 * time.Millisecond)) }

// A victim is the process that is killed.
type victim struct {
	t    *testing.T
	env  string
	cmd  *exec.Cmd
	addr atomic.Value // string
}

func (v *victim) start() {
	v.cmd = exec.Command(os.Args[0]) //nolint:gosec // this very program
	v.cmd.Env = append(os.Environ(), childEnv+"="+v.env)
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	require.NoError(v.t, err)
	require.NoError(v.t, v.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(v.t, err)
	v.addr.Store(strings.TrimSpace(line))
}

func (v *victim) kill() {
	require.NoError(v.t, v.cmd.Process.Kill())
	_ = v.cmd.Wait()
}

// deliver does what a provider does that does not give up.
func (v *victim) deliver(id string) {
	for {
		res, err := http.Post("http://"+v.addr.Load().(string), "text/plain", strings.NewReader(id))
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestNoEventIsLostByAProcessThatIsKilledAtRandom(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	db := d.open(t)
	_, err := db.ExecContext(t.Context(), "CREATE TABLE effect (id text)")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "effects")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	v := &victim{t: t, env: string(d) + "\n" + file}
	v.start()
	defer func() { v.kill() }()

	// The provider delivers all the while; every event twice, at once.
	ctx, cancel := context.WithCancel(t.Context())
	var accepted sync.Map
	var provider sync.WaitGroup
	for sender := range 4 {
		provider.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("%s-%d-%d", []string{"file", "tx"}[i%2], sender, i)
				var twice sync.WaitGroup
				for range 2 {
					twice.Go(func() { v.deliver(id) })
				}
				twice.Wait()
				accepted.Store(id, true)
				time.Sleep(rand.N(8 * time.Millisecond))
			}
		})
	}
	for range *kills {
		time.Sleep(rand.N(250 * time.Millisecond))
		v.kill()
		v.start()
	}
	cancel()
	provider.Wait()
	q := newQueue(t, db, sqliteinbox.Config{})
	idle(t, q)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	attempts := map[string][]int{}
	for line := range strings.Lines(string(text)) {
		id, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		attempts[id] = append(attempts[id], n)
	}
	total, repeated := 0, 0
	accepted.Range(func(key, _ any) bool {
		total++
		id := key.(string)
		if strings.HasPrefix(id, "tx") {
			var n int
			require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM effect WHERE id = $1", id).Scan(&n))
			assert.Equal(t, 1, n, "%s: exactly one effect", id)
			return true
		}
		effects := attempts[id]
		assert.NotEmpty(t, effects, "%s was lost", id)
		for i, n := range effects {
			if i > 0 {
				repeated++
				assert.Greater(t, n, effects[i-1], "%s: a second effect that was not told from the first", id)
			}
		}
		return true
	})
	t.Logf("%d kills, %d events, %d repeated effects, each with a higher attempt", *kills, total, repeated)
	require.Greater(t, total, *kills)
}
