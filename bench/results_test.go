package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const byHand = "# Results\n\nBy hand.\n\n## Memory\n\nMore by hand.\n"

func TestResults_KeepsWhatIsWrittenByHand(t *testing.T) {
	t.Parallel()
	r := &results{byHand}
	order := []string{"verify", "handler", "server"}
	put := func(name, text string) {
		for i, other := range order {
			if other == name {
				require.NoError(t, r.put(name, text, order[:i]))
			}
		}
	}
	put("server", "## Server\n")
	put("verify", "## Verify\n")
	put("handler", "## Handler\n")
	for range 2 {
		first := r.text
		put("verify", "## Verify\n")
		require.Equal(t, first, r.text, "the same section again changes nothing")
	}
	put("handler", "## Handler\n\nof today\n")
	want := []string{"By hand.", "## Verify", "## Handler", "of today", "## Server", "## Memory", "More by hand."}
	at := -1
	for _, w := range want {
		next := strings.Index(r.text, w)
		require.Greater(t, next, at, "%q in\n%s", w, r.text)
		at = next
	}
	kept := r.text
	for _, name := range order {
		from, to, err := r.find(name)
		require.NoError(t, err)
		kept = strings.Replace(kept, r.text[from:to]+"\n", "", 1)
	}
	require.Equal(t, byHand, kept)
}

func TestResults_RefusesMarkersThatAreNoPair(t *testing.T) {
	t.Parallel()
	begin, end := markers("verify")
	for name, text := range map[string]string{
		"no end": begin, "no beginning": end, "the wrong way round": end + begin, "twice": begin + end + begin + end,
	} {
		r := &results{byHand + text}
		require.Error(t, r.put("verify", "x\n", nil), name)
		require.Equal(t, byHand+text, r.text, name)
		require.Error(t, r.put("handler", "x\n", []string{"verify"}), name)
	}
}

func TestResults_OfTheRepositoryHaveSoundMarkers(t *testing.T) {
	t.Parallel()
	r, err := readResults("RESULTS.md")
	require.NoError(t, err)
	for _, g := range groups() {
		_, _, err := r.find(g.name)
		require.NoError(t, err, g.name)
	}
}

func TestResults_AreWrittenWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	require.NoError(t, (&results{byHand}).write(path))
	r, err := readResults(path)
	require.NoError(t, err)
	require.Equal(t, byHand, r.text)
	require.NoFileExists(t, path+".new")
	_, err = readResults(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}
