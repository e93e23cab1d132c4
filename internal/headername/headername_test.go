package headername_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/headername"
)

func TestPrintable_ShowsNoneThatCouldBeAText(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"x-sign": "X-Sign", "X_ssl.Cert": "X_ssl.cert", "": "", strings.Repeat("a", 48): "A" + strings.Repeat("a", 47),
		strings.Repeat("a", 49): "another header", "X-" + strings.Repeat("y", 30<<10): "another header",
		"x sign": "another header", "x\nsign": "another header", "x\x1b[31m": "another header", "X-Sïgn": "another header", "x%20y": "another header",
	} {
		assert.Equal(t, want, headername.Printable(name))
	}
}
