package timing

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// A row is one thing that a secret decides, and the call whose time must not tell it.
type row struct {
	name string
	subject
	classes []class
	wants   []truhook.Reason // of each class; "" is accepted
	dear    bool             // a private or public key operation: a tenth of the measurements
	leaky   bool             // a control: made to leak, so that a measurement which does not find it is void
}

const (
	threshold        = 4.5 // of |t|; dudect calls 5 a probable leak
	controlThreshold = 10
)

func rows(t testing.TB) []row {
	var all []row
	for _, of := range []func(testing.TB) []row{macRows, encodingRows, keyRows, checkRows, tokenRows, contentRows, refusalRows} {
		all = append(all, of(t)...)
	}
	return all
}

// inPlace returns the text of input itself, not a copy: a header that changes with it.
func inPlace(input []byte) string { return unsafe.String(&input[0], len(input)) }

const (
	hexDigits   = "0123456789abcdef"
	base64Chars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	base64URL   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	letters     = "abcdefghijklmnopqrstuvwxyz"
)

// each is the class of what text returns.
func each(name string, text func(r *rand.Rand) string) class {
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // not a secret
	c := class{name: name}
	for i := range c.texts {
		c.texts[i] = text(r)
	}
	return c
}

func equal(name, text string) class { return each(name, func(*rand.Rand) string { return text }) }

// wrongAt is the class of right with another character of the alphabet at a place.
func wrongAt(name, right string, at int, alphabet string) class {
	return each(name, func(r *rand.Rand) string {
		text := []byte(right)
		for text[at] == right[at] {
			text[at] = alphabet[r.IntN(len(alphabet))]
		}
		return string(text)
	})
}

// verdict is what v says about d.
func verdict(v truhook.Verifier, d *truhook.Delivery) func() error {
	ctx := context.Background()
	return func() error {
		_, err := v.Verify(ctx, d)
		return err
	}
}

func same(want truhook.Reason, n int) []truhook.Reason {
	all := make([]truhook.Reason, n)
	for i := range all {
		all[i] = want
	}
	return all
}

// Every class of every row is what it says: without this, equal times would prove nothing.
func TestRows_ClassesHaveTheirVerdicts(t *testing.T) {
	t.Parallel()
	controls := map[bool]int{}
	for _, row := range rows(t) {
		require.Len(t, row.wants, len(row.classes), row.name)
		require.GreaterOrEqual(t, len(row.classes), 2, row.name)
		if row.leaky {
			controls[row.dear]++
		}
		for i, c := range row.classes {
			for _, text := range c.texts[:20] {
				require.Len(t, text, len(row.input), row.name)
				copy(row.input, text)
				if row.choose != nil {
					row.choose(i)
				}
				err := row.call()
				got := truhook.ReasonOf(err)
				require.Equal(t, row.wants[i] == "", err == nil, "%s, %s: %v", row.name, c.name, err)
				require.True(t, err == nil || got == row.wants[i], "%s, %s: %v", row.name, c.name, err)
			}
		}
	}
	require.Positive(t, controls[false], "a control of cheap calls")
	require.Positive(t, controls[true], "a control of dear calls")
}

// pair is two classes of a row that were compared.
type pair struct {
	row  row
	a, b int
	result
}

// sound says what is wrong with the figure, if anything is.
func (p pair) problem() string {
	switch {
	case math.IsNaN(p.t) || p.n == 0:
		return "nothing was measured"
	case p.row.leaky && math.Abs(p.t) <= controlThreshold:
		return fmt.Sprintf("the leak that was built in is not found (|t| <= %d): the run is void", controlThreshold)
	case !p.row.leaky && math.Abs(p.t) >= threshold:
		return fmt.Sprintf("the time tells the classes apart (|t| >= %v)", threshold)
	}
	return ""
}
