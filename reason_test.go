package truhook_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// reasonGroups reads reason.go: every constant of type Reason, with the status that the comment of its group names.
func reasonGroups(t *testing.T) map[truhook.Reason]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, parser.ParseComments)
	require.NoError(t, err)
	status := regexp.MustCompile(`: (\d{3})\b`)
	groups := map[truhook.Reason]int{}
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		found := status.FindStringSubmatch(group.Doc.Text())
		require.NotNil(t, found, "a group of reasons says its status: %q", group.Doc.Text())
		code, err := strconv.Atoi(found[1])
		require.NoError(t, err)
		for _, spec := range group.Specs {
			value := spec.(*ast.ValueSpec)
			require.Len(t, value.Values, 1)
			require.Equal(t, "Reason", value.Type.(*ast.Ident).Name)
			text, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.NotContains(t, groups, truhook.Reason(text), "one name a cause")
			groups[truhook.Reason(text)] = code
		}
	}
	require.Greater(t, len(groups), 40)
	return groups
}

func allReasons(t *testing.T) []truhook.Reason {
	t.Helper()
	var all []truhook.Reason
	for r := range reasonGroups(t) {
		all = append(all, r)
	}
	return all
}

func TestReason_EveryReasonIsListedWithTheStatusOfItsGroup(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for r, status := range reasonGroups(t) {
		require.Regexp(t, form, string(r))
		require.Equal(t, status, r.Status(), r)
		require.Equal(t, string(r), r.Error())
		require.Equal(t, r, truhook.ReasonOf(r), "listed")
		require.Equal(t, r, truhook.ReasonOf(&truhook.Error{Reason: r}))
	}
}

func TestReason_WhatIsOursIsNever4xx(t *testing.T) {
	t.Parallel()
	for _, r := range []truhook.Reason{
		truhook.BodyIncomplete, truhook.BodyTimedOut, truhook.Overloaded, truhook.Canceled, truhook.NoKey,
		truhook.KeysUnavailable, truhook.UnknownDecryptionKey, truhook.KeysStale, truhook.NotVerified, truhook.BodyReplaced, truhook.Internal, "", "unlisted",
	} {
		require.GreaterOrEqual(t, r.Status(), 500, r)
	}
}

func TestReason_ReasonThatIsNotListedIsInternal(t *testing.T) {
	t.Parallel()
	for _, r := range []truhook.Reason{"", "unlisted", "Internal", "signature mismatch", "signature-mismatch ", "SIGNATURE-MISMATCH"} {
		require.Equal(t, http.StatusInternalServerError, r.Status())
		require.Equal(t, truhook.Internal, truhook.ReasonOf(r))
		require.Equal(t, truhook.Internal, truhook.ReasonOf(&truhook.Error{Reason: r}))
	}
}

func TestReason_ReasonOf(t *testing.T) {
	t.Parallel()
	mismatch := &truhook.Error{Scheme: "x", Reason: truhook.SignatureMismatch, Err: io.EOF}
	var nilError *truhook.Error
	tests := map[string]struct {
		err  error
		want truhook.Reason
	}{
		"nil":                         {nil, ""},
		"a Reason":                    {truhook.NoKey, truhook.NoKey},
		"an Error":                    {mismatch, truhook.SignatureMismatch},
		"wrapped":                     {fmt.Errorf("a: %w", fmt.Errorf("b: %w", mismatch)), truhook.SignatureMismatch},
		"the outermost counts":        {&truhook.Error{Reason: truhook.KeysUnavailable, Err: mismatch}, truhook.KeysUnavailable},
		"the outermost, if a Reason":  {fmt.Errorf("%w", &truhook.Error{Reason: truhook.Expired, Err: truhook.NoKey}), truhook.Expired},
		"an outer one without Reason": {&truhook.Error{Err: mismatch}, truhook.Internal},
		"an outer unlisted one":       {&truhook.Error{Reason: "mine", Err: mismatch}, truhook.Internal},
		"plain":                       {io.EOF, truhook.Internal},
		"wrapped plain":               {fmt.Errorf("a: %w", io.EOF), truhook.Internal},
		"joined":                      {errors.Join(io.EOF, mismatch, truhook.NoKey), truhook.SignatureMismatch},
		"two verbs":                   {fmt.Errorf("%w and %w", io.EOF, truhook.NoKey), truhook.NoKey},
		"joined deep": {
			fmt.Errorf("a: %w", errors.Join(errors.Join(io.EOF), fmt.Errorf("b: %w", truhook.Expired))), truhook.Expired,
		},
		"joined of plain ones": {errors.Join(io.EOF, io.ErrUnexpectedEOF), truhook.Internal},
		"a nil Error":          {nilError, truhook.Internal},
		"around a nil Error":   {fmt.Errorf("a: %w", nilError), truhook.Internal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, truhook.ReasonOf(tt.err))
		})
	}
}

func TestReason_ErrorServesErrorsIsAndAs(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("outer: %w", &truhook.Error{Scheme: "x", Reason: truhook.Expired, Err: fmt.Errorf("in: %w", io.EOF)})
	require.ErrorIs(t, err, truhook.Expired)
	require.ErrorIs(t, err, io.EOF)
	require.NotErrorIs(t, err, truhook.NotYetValid)
	require.NotErrorIs(t, err, truhook.Reason(""))
	var e *truhook.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "x", e.Scheme)
	var r truhook.Reason
	require.NotErrorAs(t, err, &r, "the Reason is a field of the Error, found by ReasonOf")
	require.ErrorAs(t, fmt.Errorf("a: %w", truhook.NoKey), &r)
	require.Equal(t, truhook.NoKey, r)
}

func TestReason_TextOfAnErrorLeavesOutWhatIsAbsent(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*truhook.Error{
		"x: expired: EOF": {Scheme: "x", Reason: truhook.Expired, Err: io.EOF},
		"x: expired":      {Scheme: "x", Reason: truhook.Expired},
		"expired: EOF":    {Reason: truhook.Expired, Err: io.EOF},
		"expired":         {Reason: truhook.Expired},
		"internal":        nil,
	} {
		require.EqualError(t, e, want)
	}
}
