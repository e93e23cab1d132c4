package leaktest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/leaktest"
)

const secret = `made-for-this-test "\n$`

// recorder notices a failure instead of failing.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, a ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, a...))
}

type redacted struct{ secret string }

func (redacted) String() string { return "redacted" } // which is not enough

type formatted struct{ secret *string }

func (formatted) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("redacted")) } // nor is this, inside of others

func TestCheckFindsSecretsThatShow(t *testing.T) {
	t.Parallel()
	text := secret
	for name, leaky := range map[string]any{
		"a string": secret, "bytes": []byte(secret), "a field": struct{ S string }{secret},
		"an unexported field": struct{ s []byte }{[]byte(secret)}, "behind a Stringer": redacted{secret},
		"behind a pointer": struct{ s *string }{&text}, "behind a Formatter": formatted{&text},
		"an error": fmt.Errorf("bad secret %q", secret), "a map key": map[string]int{secret: 1},
	} {
		r := &recorder{TB: t}
		leaktest.Check(r, leaky, secret)
		assert.NotEmpty(t, r.failures, name)
	}
}

func TestCheckPassesWhatHidesThem(t *testing.T) {
	t.Parallel()
	leaktest.Check(t, struct {
		id   string
		open func() string
	}{"id", func() string { return secret }}, secret)
}
