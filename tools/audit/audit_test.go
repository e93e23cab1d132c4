package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestAccepted_IsReadWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	const good = "# a comment\n\nG404 a/b.go 2\n! it spreads retries and is no secret\n"
	got, err := readAccepted(good)
	if want := (map[place]int{{"G404", "a/b.go"}: 2}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for name, text := range map[string]string{
		"no reason": "G404 a.go 1\n", "an empty reason": "G404 a.go 1\n! \n", "a short reason": "G404 a.go 1\n! fine\n", "no number": "G404 a.go\n! it spreads retries\n",
		"zero": "G404 a.go 0\n! it spreads retries\n", "no file": "G404\n! it spreads retries\n", "only a reason": "! it spreads retries\n",
		"twice": good + good, "prose": "hello\n", "two places": "G404 a.go 1\nG404 b.go 1\n! it spreads retries\n",
	} {
		if got, err := readAccepted(text); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The list of the repository can be read, and names files that are there.
func TestAccepted_TheListIsWhole(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("accepted.txt")
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := readAccepted(string(text))
	if err != nil || len(accepted) == 0 {
		t.Fatal(len(accepted), err)
	}
	for p := range accepted {
		if _, err := os.Stat(filepath.Join("../..", filepath.FromSlash(p.file))); err != nil {
			t.Error(err)
		}
	}
}

func TestCompare_FindsWhatIsNewAndWhatIsGone(t *testing.T) {
	t.Parallel()
	a, b := place{"G404", "a.go"}, place{"G404", "b.go"}
	for i, c := range []struct {
		found, accepted map[place]int
		want            int
	}{
		{map[place]int{a: 2, b: 1}, map[place]int{a: 2, b: 1}, 0}, {nil, nil, 0}, {map[place]int{a: 1}, nil, 1}, {map[place]int{a: 2}, map[place]int{a: 1}, 1},
		{nil, map[place]int{a: 1}, 1}, {map[place]int{a: 1}, map[place]int{a: 2}, 1}, {map[place]int{a: 1}, map[place]int{b: 1}, 2},
	} {
		if got := compare(c.found, c.accepted); len(got) != c.want {
			t.Errorf("%d: %q", i, got)
		}
	}
}

func TestReadGosec_CountsByRuleAndFile(t *testing.T) {
	t.Parallel()
	const said = `{"Golang errors":{},"Issues":[{"rule_id":"G1","file":"/x/a.go","line":"3-4"},{"rule_id":"G1","file":"/x/a.go"},{"rule_id":"G2","file":"/x/b/c.go"}],"Stats":{"lines":3}}`
	found, lines, err := readGosec([]byte(said), "/x")
	if want := (map[place]int{{"G1", "a.go"}: 2, {"G2", "b/c.go"}: 1}); err != nil || lines != 3 || !reflect.DeepEqual(found, want) {
		t.Error(found, lines, err)
	}
	for _, text := range []string{"", "{", `{"Golang errors":{"a.go":[{"line":1,"column":1,"error":"expected package"}]}}`} {
		if found, _, err := readGosec([]byte(text), "/x"); err == nil {
			t.Error(text, found)
		}
	}
}

func TestUnreachable_IsToldFromAFinding(t *testing.T) {
	t.Parallel()
	if !unreachable("govulncheck: fetching vulnerabilities: Get \"...\": dial tcp: no such host\n") {
		t.Error("an unreachable database")
	}
	for _, said := range []string{"", "Vulnerability #1: GO-2026-0001", "govulncheck: loading packages: no such package"} {
		if unreachable(said) {
			t.Error(said)
		}
	}
}

func TestReport_FailsWhereSomethingIsToBeLookedAt(t *testing.T) {
	t.Parallel()
	page, err := report([]result{{what: "x", figure: "fine"}})
	if err != nil || !strings.Contains(page, "| x | fine |") {
		t.Error(page, err)
	}
	if _, err := report([]result{{what: "x", figure: "bad", problems: []string{"a"}}}); err == nil {
		t.Error("no error")
	}
}

func TestReadBill_WantsComponents(t *testing.T) {
	t.Parallel()
	got, err := readBill([]byte(`{"bomFormat":"CycloneDX","components":[{"name":"b","version":"v1"},{"name":"a","version":"v2"}]}`))
	if err != nil || strings.Join(got, ",") != "a v2,b v1" {
		t.Error(got, err)
	}
	for _, text := range []string{"", "{}", `{"bomFormat":"CycloneDX"}`, `{"bomFormat":"SPDX","components":[{"name":"a"}]}`} {
		if got, err := readBill([]byte(text)); err == nil {
			t.Error(text, got)
		}
	}
}

func TestModules_AreThoseThatUsersImportOrRun(t *testing.T) {
	t.Parallel()
	got, err := modules("../..")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(got, " ") + " "
	for _, want := range []string{"../.. ", "../../otelhook ", "../../idempotency/redisstore ", "../../examples/services "} {
		if !strings.Contains(all, want) {
			t.Errorf("%q lacks %q", all, want)
		}
	}
	for _, not := range []string{"../../tools", "../../bench", "../../integration"} {
		if strings.Contains(all, not) {
			t.Errorf("%q has %q", all, not)
		}
	}
}
