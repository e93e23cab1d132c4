package main

import (
	"go/format"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRow takes any bytes for a row of the catalog: one that passes the checks makes Go code and a page, or says why
// not.
func FuzzRow(f *testing.F) {
	for _, name := range []string{"stripe", "github", "discord", "circleci"} {
		text, err := os.ReadFile(filepath.Join(root, "catalog", "rows", name+".json"))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"name":"x","retry":null,"sources":[{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseRow(text)
		if err != nil {
			return
		}
		source, err := goTable([]row{r})
		if err != nil {
			return
		}
		_, err = format.Source(source)
		require.NoError(t, err)
	})
}
