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

// Each program is tested, and stands in the list.
func TestExamples_EachHasATestAndARow(t *testing.T) {
	t.Parallel()
	r := repository(t)
	programs, tested := map[string]bool{}, map[string]bool{}
	for _, s := range r.sources {
		if strings.HasPrefix(s.dir, "examples/") {
			programs[s.dir] = programs[s.dir] || !s.test && s.file.Name.Name == "main"
			tested[s.dir] = tested[s.dir] || s.test
		}
	}
	count := 0
	for dir, program := range programs {
		if !program {
			continue
		}
		count++
		assert.True(t, tested[dir], "%s has no test", dir)
		assert.Contains(t, r.markdown["examples/README.md"], "("+strings.TrimPrefix(dir, "examples/"), "examples/README.md has no row for %s", dir)
	}
	assert.Greater(t, count, 10)
}
