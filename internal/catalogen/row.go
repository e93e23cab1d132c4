package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// row is a file of catalog/rows. catalog/row.schema.json says what each member means.
type row struct {
	Schema          string            `json:"$schema"`
	Name            string            `json:"name"`
	Aliases         []string          `json:"aliases"`
	Title           string            `json:"title"`
	Area            string            `json:"area"`
	Documentation   string            `json:"documentation"`
	Evidence        string            `json:"evidence"`
	Checked         string            `json:"checked"`
	Class           string            `json:"class"`
	Header          string            `json:"header"`
	Prefix          string            `json:"prefix"`
	Separator       string            `json:"separator"`
	Groups          bool              `json:"groups"`
	Encoding        string            `json:"encoding"`
	SignatureForm   string            `json:"signature_form"`
	Content         string            `json:"content"`
	ID              string            `json:"id"`
	IDLength        int               `json:"id_length"`
	Timestamp       string            `json:"timestamp"`
	TimeFormat      string            `json:"time_format"`
	Tolerance       int               `json:"tolerance_seconds"`
	NoWindow        bool              `json:"no_window"`
	ToleranceSource string            `json:"tolerance_source"`
	Key             key               `json:"key"`
	Guards          map[string]string `json:"guards"`
	EventID         *place            `json:"event_id"`
	EventType       *place            `json:"event_type"`
	Retry           *policy           `json:"retry"`
	Handshake       string            `json:"handshake"`
	Pitfalls        []string          `json:"pitfalls"`
	Sources         []source          `json:"sources"`
}

type key struct {
	Encoding       string `json:"encoding"`
	Prefix         string `json:"prefix"`
	PrefixOptional bool   `json:"prefix_optional"`
	Kept           string `json:"kept"`
	Normalize      string `json:"normalize"`
}

type place struct {
	At     string `json:"at"`
	Signed bool   `json:"signed"`
}

type policy struct {
	Attempts int         `json:"attempts"`
	Delays   []int       `json:"delay_seconds"`
	Ack      int         `json:"ack_seconds"`
	Rules    [][2]string `json:"rules"`
	Text     string      `json:"text"`
	Source   string      `json:"source"`
}

type source struct {
	At       string `json:"at"`
	Kind     string `json:"kind"`
	Confirms string `json:"confirms"`
	Group    string `json:"independent"`
}

func (r row) checked() time.Time {
	at, _ := time.Parse(time.DateOnly, r.Checked) // read by check
	return at
}

func (r row) publicKey() bool { return !strings.HasPrefix(r.Class, "hmac-") }

// readRows reads all rows in the order of their names.
func readRows(dir string) ([]row, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var rows []row
	names := map[string]bool{"truv": true, "trulioo": true, "truval": true, "transunion": true}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		r, err := parseRow(data)
		if err == nil && r.Name+".json" != filepath.Base(path) {
			err = fmt.Errorf("the row is named %s", r.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, name := range append([]string{r.Name}, r.Aliases...) {
			if names[name] {
				return nil, fmt.Errorf("%s: the name %s is taken", path, name)
			}
			names[name] = true
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Name, b.Name) })
	return rows, nil
}

func parseRow(data []byte) (row, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var r row
	if err := d.Decode(&r); err != nil {
		return row{}, err
	}
	return r, errors.Join(r.check()...)
}

// check returns what is wrong with a row, the rule of evidence included.
func (r row) check() (problems []error) {
	bad := func(wrong bool, text string) {
		if wrong {
			problems = append(problems, errors.New(text))
		}
	}
	_, err := time.Parse(time.DateOnly, r.Checked)
	bad(!regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(r.Name), "name: lower-case letters, digits and underscores")
	bad(r.Title == "" || r.Area == "" || !strings.HasPrefix(r.Documentation, "https://"), "title, area or documentation is missing")
	bad(err != nil, "checked is no date")
	bad(r.Header == "" || !strings.Contains(r.Content, "{body}"), "header is missing, or the body is not signed")
	bad((r.ID != "") != strings.Contains(r.Content, "{id}"), "id and {id} belong together")
	bad((r.Timestamp != "") != strings.Contains(r.Content, "{timestamp}"), "timestamp and {timestamp} belong together")
	bad((r.Timestamp != "") != (r.Tolerance > 0 || r.NoWindow), "a timestamp needs tolerance_seconds or no_window")
	bad(r.Tolerance > 0 && (r.NoWindow || r.ToleranceSource == ""), "tolerance_seconds needs a tolerance_source")
	groups, provider := map[string]bool{}, false
	for _, s := range r.Sources {
		groups[s.Group] = true
		provider = provider || strings.HasPrefix(s.Kind, "provider-")
		bad(!slices.Contains([]string{"provider-docs", "provider-sdk", "registry", "code"}, s.Kind), "a source has another kind")
		bad(s.At == "" || s.Confirms == "" || s.Group == "", "a source lacks at, confirms or independent")
	}
	switch r.Evidence {
	case "A":
		bad(len(groups) < 1, "evidence A needs a source")
	case "B":
		bad(len(groups) < 2 || !provider, "evidence B needs the provider and a second independent source")
	case "C":
		bad(len(groups) < 2, "evidence C needs two independent sources")
	default:
		bad(true, "evidence is none of A, B and C")
	}
	for _, e := range []*place{r.EventID, r.EventType} {
		if e == nil {
			continue
		}
		_, inBody := strings.CutPrefix(e.At, "body:")
		ofScheme := r.ID != "" && http.CanonicalHeaderKey(e.At) == http.CanonicalHeaderKey(r.ID)
		bad(e.At == "" || e.Signed != (inBody || ofScheme), "event_id or event_type: signed is true for the body and the scheme's id, for nothing else")
	}
	return problems
}
