// Package policytest holds a retry.Policy to the sentences of the provider that it was taken from.
package policytest

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/truhook/truhook/retry"
)

// Page returns the provider's own sentences, testdata/retry.txt of the package under test.
func Page(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/retry.txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Numbers returns the groups of pattern in text as numbers. The pattern has to match exactly once.
func Numbers(t testing.TB, text, pattern string) []int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s matches %d times, want once", pattern, len(found))
	}
	var out []int
	for _, group := range found[0][1:] {
		n, err := strconv.Atoi(strings.ReplaceAll(group, "_", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// Outcomes holds the policy to the outcome of every status: of no answer, and of the classes 1xx to 5xx in this order.
func Outcomes(t testing.TB, p retry.Policy, noAnswer retry.Outcome, classes [5]retry.Outcome) {
	t.Helper()
	if got := p.Outcome(retry.NoAnswer); got != noAnswer {
		t.Errorf("no answer is %v, want %v", got, noAnswer)
	}
	for status := 100; status <= 599; status++ {
		if got, want := p.Outcome(status), classes[status/100-1]; got != want {
			t.Errorf("status %d is %v, want %v", status, got, want)
		}
	}
	for _, status := range []int{-1, 1, 99, 600, 1000} {
		if got := p.Outcome(status); got != retry.Unknown {
			t.Errorf("%d is no status, and %v", status, got)
		}
	}
}

// Schedule holds the policy to the earliest and the latest begin of each attempt after the first, and to its horizon.
func Schedule(t testing.TB, p retry.Policy, horizon time.Duration, attempts ...[2]time.Duration) {
	t.Helper()
	var got [][2]time.Duration
	for a := range p.Schedule() {
		got = append(got, [2]time.Duration{a.Earliest, a.Latest})
	}
	if want := append([][2]time.Duration{{}}, attempts...); !slices.Equal(got, want) {
		t.Errorf("the attempts begin at %v, want %v", got, want)
	}
	if got := p.Horizon(); got != horizon {
		t.Errorf("the horizon is %v, want %v", got, horizon)
	}
}

// Sources holds the policy to being valid and not shared, and each of its fields to a quotation from text, or to a
// source that says nothing where the field is zero.
func Sources(t testing.TB, policy func() retry.Policy, text string) {
	t.Helper()
	p := policy()
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	title, _, _ := strings.Cut(text, "\n")
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		field := v.Type().Field(i).Name
		if field == "Provider" || field == "Sources" {
			continue
		}
		quotes, silent := 0, 0
		for _, s := range p.Sources {
			if s.Field != field {
				continue
			}
			page, _, _ := strings.Cut(s.Page, ", section")
			if !strings.Contains(title, page) || !strings.Contains(text, s.Text) {
				t.Errorf("%s: %q of %q does not stand in the page", field, s.Text, s.Page)
			}
			if s.Text == "" {
				silent++
			} else {
				quotes++
			}
		}
		if zero := v.Field(i).IsZero(); zero && (silent != 1 || quotes != 0) || !zero && (silent != 0 || quotes == 0) {
			t.Errorf("%s is zero: %v; %d sources quote it and %d say nothing", field, zero, quotes, silent)
		}
	}
	for i, s := range p.Sources {
		if !v.FieldByName(s.Field).IsValid() {
			t.Errorf("%s is no field", s.Field)
		}
		p.Sources[i].Text += "changed"
	}
	for i := range p.Rules {
		p.Rules[i].Outcome++
	}
	if reflect.DeepEqual(p, policy()) || !reflect.DeepEqual(policy(), policy()) {
		t.Error("a caller's change must not reach the next caller")
	}
}

// Unpublished holds the policy of a provider that publishes nothing to inventing nothing, and text to saying nothing.
func Unpublished(t testing.TB, policy func() retry.Policy, text string) {
	t.Helper()
	Sources(t, policy, text)
	p := policy()
	if !reflect.DeepEqual(p, retry.Policy{Provider: p.Provider, Sources: p.Sources}) {
		t.Error("every number is zero and there is no rule")
	}
	if regexp.MustCompile(`(?i)retr(y|ies)|attempts|redeliver|resend|within \d|time ?out`).MatchString(text) {
		t.Error("the page does publish something")
	}
	Outcomes(t, p, retry.Unknown, [5]retry.Outcome{})
	Schedule(t, p, 0)
}
