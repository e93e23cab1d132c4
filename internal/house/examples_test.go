package house_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A user can copy an example: no file of one that is not a test imports what nobody else can.
func TestExamples_ImportNothingInternal(t *testing.T) {
	t.Parallel()
	examples := 0
	for _, s := range repository(t).sources {
		if s.test || !strings.HasPrefix(s.dir, "examples/") || strings.Contains(s.dir, "/internal/") {
			continue
		}
		examples++
		for _, i := range s.file.Imports {
			assert.NotContains(t, i.Path.Value, "/internal/", s.path)
		}
	}
	assert.Greater(t, examples, 20)
}
