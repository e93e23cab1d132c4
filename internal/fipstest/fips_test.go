package fipstest_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

var update = flag.Bool("update", false, "write the table of docs/fips.md")

const (
	page  = "../../docs/fips.md"
	begin = "<!-- written by: go test ./internal/fipstest -update -->\n"
	end   = "<!-- end -->\n"
	child = "TRUHOOK_TEST_FIPS_TABLE"
)

// A trial is one thing to make, and a genuine delivery for it.
type trial struct {
	area, what string
	construct  func() error
	deliver    func() error // nil: there is none that could be made here
}

// outcome makes it and judges the delivery. A panic is an outcome too, and none that the page may have.
func (x trial) outcome() (outcome string) {
	defer func() {
		if p := recover(); p != nil {
			outcome = fmt.Sprintf("PANIC: %v", p)
		}
	}()
	if err := x.construct(); err != nil {
		if !strings.Contains(err.Error(), "FIPS 140") {
			return "the error does not name the mode: " + err.Error()
		}
		text, _, _ := strings.Cut(err.Error(), ": crypto/") // the words of the standard library are another release's tomorrow
		return "refused at construction: " + text
	}
	if x.deliver == nil {
		return "is made"
	}
	if err := x.deliver(); err != nil {
		r := truhook.ReasonOf(err)
		return fmt.Sprintf("is made; a delivery is `%s`, %d", r, r.Status())
	}
	return "works"
}

// The page says what the mode leaves, and it is what a process in that mode sees. Nothing panics; what does not work is
// an error of a constructor that names the mode; the deliveries that are refused all the same are ours to mend (5xx).
func TestOnly_ThePageIsWhatAProcessSees(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(child); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(table(t)), 0o600))
		return
	}
	path := filepath.Join(t.TempDir(), "table.md")
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self, "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), "GODEBUG=fips140=only", child+"="+path)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	made, err := os.ReadFile(path)
	require.NoError(t, err)

	rows := strings.Split(strings.TrimSpace(string(made)), "\n")[2:]
	require.Greater(t, len(rows), 40)
	refused, broken := 0, 0
	for _, row := range rows {
		switch {
		case strings.Contains(row, "refused at construction"):
			refused++
		case strings.Contains(row, "a delivery is"):
			broken++
			assert.Regexp(t, "`, 5", row, "a fault of ours")
		default:
			assert.Regexp(t, `\| (works|is made) \|`, row)
		}
	}
	require.Greater(t, refused, 5)
	require.Positive(t, broken)

	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	require.True(t, ok && closed, "the page has a place for the table")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(before+begin+string(made)+end+after), 0o600))
		return
	}
	assert.Equal(t, old, string(made), "run go test ./internal/fipstest -update, and look at the diff")
}

// Without the mode all of it works: what the page says is the mode's doing.
func TestOff_EverythingWorks(t *testing.T) {
	t.Parallel()
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		return // a child of the other test, or a run in that mode
	}
	for _, x := range trials(t) {
		assert.Contains(t, []string{"works", "is made"}, x.outcome(), "%s, %s", x.area, x.what)
	}
}

func table(t *testing.T) string {
	t.Helper()
	lines := []string{"| | | under `GODEBUG=fips140=only` |", "|---|---|---|"}
	works := 0
	for _, x := range trials(t) {
		outcome := x.outcome()
		if x.area == "catalog" && outcome == "works" {
			works++
			continue
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |", x.area, x.what, outcome))
	}
	lines = append(lines, fmt.Sprintf("| catalog | %d other rows | works |", works))
	return strings.Join(lines, "\n") + "\n"
}

func trials(t *testing.T) []trial {
	t.Helper()
	return slices.Concat(hmacTrials(t), catalogTrials(t), publicKeyTrials(t), tokenTrials(t), contentTrials(t), otherTrials(t))
}

var errVerdict = errors.New("a forged delivery was accepted")

// judged is a deliver: v accepts d, and refuses it with another body as a fault of the sender.
func judged(t *testing.T, v truhook.Verifier, d *truhook.Delivery) error {
	t.Helper()
	forged := *d
	forged.Body = append([]byte("x"), d.Body...)
	if _, err := v.Verify(t.Context(), &forged); err == nil || truhook.ReasonOf(err).Status() >= 500 {
		return errors.Join(errVerdict, err)
	}
	_, err := v.Verify(t.Context(), d)
	return err
}
