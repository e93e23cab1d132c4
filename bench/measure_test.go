package main

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"
)

var sink []byte

func TestMeasure_CountsCallsAllocationsAndBytes(t *testing.T) { // not parallel: allocations are the process's
	body := bodyOf(4096)
	r := race{"x", []contender{
		{"hash", func() { sha256.Sum256(body) }},
		{"allocate", func() { sink = make([]byte, 1024) }},
	}}
	all := figures(r.run(1))
	require.Len(t, all, 2)
	require.Positive(t, all.value("x", "hash", perCall))
	require.Zero(t, all.value("x", "hash", perAlloc))
	require.InDelta(t, 1, all.value("x", "allocate", perAlloc), 0)
	require.InDelta(t, 1024, all.value("x", "allocate", perBytes), 64)
}

// A race that is measured in several turns has the least time of all, in the places of the first.
func TestInTurns_MeasuresEveryRaceInEachTurn(t *testing.T) { // not parallel: allocations are the process's
	var made []string
	measure := inTurns(func() []func() race {
		var all []func() race
		for _, name := range []string{"a", "b"} {
			all = append(all, func() race {
				made = append(made, name)
				return race{name, []contender{{"allocate", func() { sink = make([]byte, 64) }}}}
			})
		}
		return all
	})
	all, err := measure(options{rounds: 5})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "a", "b"}, made, "4 rounds of each, then the fifth")
	require.Len(t, all, 2)
	require.InDelta(t, 1, figures(all).value("b", "allocate", perAlloc), 0)

	of := func(a, b float64) []figure {
		return []figure{{"x", "a", map[string]float64{perCall: a}}, {"x", "b", map[string]float64{perCall: b}}}
	}
	require.Equal(t, of(3, 4), leastOf(nil, of(3, 4)))
	require.Equal(t, of(2, 4), leastOf(of(3, 4), of(2, 5)))
}

func TestMeasure_BodiesHaveTheirSize(t *testing.T) {
	t.Parallel()
	for _, n := range sizes {
		require.Len(t, bodyOf(n), n)
	}
	require.Equal(t, []string{"256 B", "1 KiB", "1 MiB"}, []string{sizeName(256), sizeName(1 << 10), sizeName(1 << 20)})
}

func TestChoose_NamesGroups(t *testing.T) {
	t.Parallel()
	all, err := choose(groups(), "")
	require.NoError(t, err)
	require.Len(t, all, len(groups()))
	some, err := choose(groups(), "server, verify")
	require.NoError(t, err)
	require.Equal(t, []string{"server", "verify"}, names(some))
	_, err = choose(groups(), "nothing")
	require.ErrorContains(t, err, "verify")
}
