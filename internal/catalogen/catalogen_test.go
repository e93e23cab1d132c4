package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

func TestGenerate_TheFilesAreUpToDate(t *testing.T) {
	t.Parallel()
	require.NoError(t, run(&bytes.Buffer{}, root, false, false, time.Now()))
}

func TestGenerate_WritesWhatIsNotUpToDate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, folder := range []string{"catalog/rows", "docs"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, folder), 0o750))
	}
	readme := filepath.Join(dir, "README.md")
	require.NoError(t, os.WriteFile(readme, []byte("before\n"+beginList+"old\n"+endList+"after\n"), 0o600))
	text, err := os.ReadFile(filepath.Join(root, "catalog", "rows", "github.json"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "catalog", "rows", "github.json"), text, 0o600))

	var out bytes.Buffer
	require.ErrorContains(t, run(&out, dir, false, false, time.Now()), "run make catalog")
	require.NoError(t, run(&out, dir, true, false, time.Now()))
	assert.Equal(t, 3, strings.Count(out.String(), "wrote "))
	require.NoError(t, run(&out, dir, false, false, time.Now()))
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(page), "before\n"+beginList) && strings.HasSuffix(string(page), endList+"after\n"))
	assert.Contains(t, string(page), "1 more are rows of the catalog: general 1.")
	assert.Contains(t, string(page), "**general**: GitHub.\n")

	require.NoError(t, os.WriteFile(readme, []byte("without the marks"), 0o600))
	require.ErrorContains(t, run(&out, dir, true, false, time.Now()), "marks")
}

func TestReport_ListsRowsThatAreOld(t *testing.T) {
	t.Parallel()
	rows := []row{{Name: "new", Checked: "2026-11-26"}, {Name: "old", Checked: "2025-11-25"}, {Name: "older", Checked: "2024-01-01"}}
	var out bytes.Buffer
	report(&out, rows, time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC))
	assert.Regexp(t, `(?s)^2024-01-01  older.*2025-11-25  old  \n$`, out.String())
}

func TestParseRow_HoldsTheRuleOfEvidenceAndTheForm(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "catalog", "rows", "stripe.json"))
	require.NoError(t, err)
	for name, change := range map[string]func(m map[string]any){
		"a member that is not known": func(m map[string]any) { m["hash"] = "sha256" },
		"a name in capitals":         func(m map[string]any) { m["name"] = "Stripe" },
		"no title":                   func(m map[string]any) { delete(m, "title") },
		"no date":                    func(m map[string]any) { m["checked"] = "yesterday" },
		"the body is not signed":     func(m map[string]any) { m["content"] = "{timestamp}" },
		"a time that is not signed":  func(m map[string]any) { m["content"] = "{body}" },
		"an id that is not signed":   func(m map[string]any) { m["id"] = "X-Id" },
		"a time without a window":    func(m map[string]any) { delete(m, "tolerance_seconds") },
		"a window and none":          func(m map[string]any) { m["no_window"] = true },
		"a window without a source":  func(m map[string]any) { delete(m, "tolerance_source") },
		"no evidence":                func(m map[string]any) { delete(m, "evidence") },
		"one source":                 func(m map[string]any) { m["sources"] = m["sources"].([]any)[:1] },
		"registries alone as B":      func(m map[string]any) { m["sources"] = m["sources"].([]any)[1:] },
		"two copies of one registry": func(m map[string]any) {
			s := m["sources"].([]any)
			m["sources"] = []any{s[1], s[1]}
			m["evidence"] = "C"
		},
		"an id in another header":     func(m map[string]any) { m["event_id"] = map[string]any{"at": "X-Id", "signed": true} },
		"a body that is not signed":   func(m map[string]any) { m["event_id"] = map[string]any{"at": "body:id", "signed": false} },
		"a source of no kind":         func(m map[string]any) { m["sources"].([]any)[0].(map[string]any)["kind"] = "hearsay" },
		"a source without its fields": func(m map[string]any) { delete(m["sources"].([]any)[0].(map[string]any), "confirms") },
	} {
		var m map[string]any
		require.NoError(t, json.Unmarshal(text, &m))
		change(m)
		changed, err := json.Marshal(m)
		require.NoError(t, err)
		_, err = parseRow(changed)
		assert.Error(t, err, name)
	}
	_, err = parseRow(text)
	require.NoError(t, err)
}

func TestGoTable_RefusesWhatItCannotSay(t *testing.T) {
	t.Parallel()
	good := row{Name: "x", Class: "hmac-sha256", Encoding: "hex"}
	_, err := goTable([]row{good})
	require.NoError(t, err)
	for _, bad := range []row{
		{Name: "x", Class: "md5", Encoding: "hex"}, {Name: "x", Class: "hmac-sha256", Encoding: "hex2"}, {Name: "x", Class: "hmac-sha256", Encoding: "hex", TimeFormat: "s"},
		{Name: "x", Class: "hmac-sha256", Encoding: "hex", Key: key{Encoding: "utf16"}},
		{Name: "x", Class: "hmac-sha256", Encoding: "hex", Retry: &policy{Rules: [][2]string{{"2yy", "delivered"}}}},
		{Name: "x", Class: "hmac-sha256", Encoding: "hex", Retry: &policy{Rules: [][2]string{{"2xx", "lost"}}}},
	} {
		_, err := goTable([]row{bad})
		assert.Error(t, err, "%+v", bad)
	}
}

func TestReadRows_ANameIsTakenOnce(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "catalog", "rows", "github.json"))
	require.NoError(t, err)
	for name, files := range map[string]map[string]string{
		"another name":            {"gitlab.json": string(text)},
		"an alias that is a name": {"github.json": string(text), "a.json": strings.Replace(string(text), `"name": "github"`, `"name": "a", "aliases": ["github"]`, 1)},
		"a package of its own":    {"github.json": strings.Replace(string(text), `"name": "github"`, `"name": "github", "aliases": ["truv"]`, 1)},
	} {
		dir := t.TempDir()
		for file, content := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600))
		}
		_, err := readRows(dir)
		assert.Error(t, err, name)
	}
}

func TestSchema_HasTheMembersOfARow(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "catalog", "row.schema.json"))
	require.NoError(t, err)
	var schema struct {
		Properties map[string]struct {
			Description string
			Properties  map[string]any
			Items       struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	members := func(of any) (names []string) {
		for i := range reflect.TypeOf(of).NumField() {
			names = append(names, reflect.TypeOf(of).Field(i).Tag.Get("json"))
		}
		return names
	}
	for name, p := range schema.Properties {
		assert.NotEmpty(t, p.Description, name)
	}
	same := func(want []string, got map[string]any, where string) {
		var names []string
		for name := range got {
			names = append(names, name)
		}
		slices.Sort(names)
		slices.Sort(want)
		assert.Equal(t, want, names, where)
	}
	top := map[string]any{}
	for name := range schema.Properties {
		top[name] = nil
	}
	same(members(row{}), top, "a row")
	same(members(key{}), schema.Properties["key"].Properties, "key")
	same(members(place{}), schema.Properties["event_id"].Properties, "event_id")
	same(members(policy{}), schema.Properties["retry"].Properties, "retry")
	same(members(source{}), schema.Properties["sources"].Items.Properties, "sources")
}

func TestReadmeList_IsAtMost120ColumnsWide(t *testing.T) {
	t.Parallel()
	rows, err := readRows(filepath.Join(root, "catalog", "rows"))
	require.NoError(t, err)
	list := readmeList(rows)
	for _, line := range strings.Split(list, "\n") {
		assert.LessOrEqual(t, utf8.RuneCountInString(line), 120, line)
	}
	for _, r := range rows {
		assert.Contains(t, strings.Join(strings.Fields(list), " "), r.Title)
	}
}

// The row that docs/adding-a-provider.md shows could be added.
func TestParseRow_TakesTheOneOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "adding-a-provider.md"))
	require.NoError(t, err)
	_, rest, found := bytes.Cut(page, []byte("```json\n"))
	text, _, closed := bytes.Cut(rest, []byte("```\n"))
	require.True(t, found && closed)
	r, err := parseRow(text)
	require.NoError(t, err)
	_, err = goTable([]row{r})
	require.NoError(t, err)
}
