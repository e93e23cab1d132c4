package house_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// holdSecrets are the packages that hold secrets and what is derived from them.
var holdSecrets = regexp.MustCompile(`^$|^(hmacsig|jose)(/|$)|^internal/(form|keycache|folder|publickey|secrettext)$`)

// leaky compares in a time that depends on the bytes. The test is about the packages that hold secrets; it cannot know
// which bytes are secret, so it forbids the functions altogether and names each place where one is right.
var leaky = map[string]bool{
	"bytes.Equal": true, "bytes.Compare": true, "bytes.EqualFold": true, "reflect.DeepEqual": true, "strings.EqualFold": true,
	"strings.Compare": true, "slices.Equal": true, "slices.Compare": true, "maps.Equal": true, "cmp.Compare": true, "bytes.Contains": true,
}

// allowed are files where what is compared is no secret.
var allowed = map[string]string{
	"forwarded.go":                    "strings.EqualFold", // the names of parameters
	"header.go":                       "strings.EqualFold", // the names of headers
	"hmacsig/trulioo/challenge.go":    "strings.EqualFold", // the type of an event
	"hmacsig/trulioo/event.go":        "strings.EqualFold", // the type of an event
	"hmacsig/trulioo/eventid.go":      "strings.EqualFold", // the type of an event
	"internal/keycache/refresh.go":    "cmp.Compare",       // the ids of keys
	"jose/cache.go":                   "strings.Compare",   // the ids of keys
	"jose/explaincauses.go":           "strings.EqualFold", // a path, of a token that one of the keys signed
	"jose/explaintoken.go":            "strings.Compare",   // spellings of one token, to put them in order
	"jose/keys.go":                    "strings.Compare",   // the ids of keys
	"jose/token.go":                   "strings.EqualFold", // the word in front of a token
	"hmacsig/trulioo/sourceclient.go": "strings.EqualFold", // the type of a token, not the token
}

// secretNames are names under which the code holds what came from a secret, or is compared with it.
var secretNames = map[string]bool{
	"sum": true, "mac": true, "want": true, "macs": true, "bytes": true, "decoded": true, "expected": true, "secret": true,
	"plain": true, "signature": true, "room": true,
}

func TestConstantTime_NothingThatHoldsASecretComparesOtherwise(t *testing.T) {
	t.Parallel()
	files, compares := 0, 0
	for _, s := range repository(t).sources {
		if s.test || !holdSecrets.MatchString(s.dir) {
			continue
		}
		files++
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch e := n.(type) {
			case *ast.CallExpr:
				name := called(e)
				if name == "subtle.ConstantTimeCompare" || name == "subtle.ConstantTimeEq" || name == "hmac.Equal" {
					compares++
				}
				assert.False(t, leaky[name] && allowed[s.path] != name, "%s:%d calls %s", s.path, s.line(e.Pos()), name)
			case *ast.BinaryExpr:
				if e.Op != token.EQL && e.Op != token.NEQ {
					return true
				}
				for _, pair := range [2][2]ast.Expr{{e.X, e.Y}, {e.Y, e.X}} {
					compared := secretNames[operand(pair[0])] && !trivial(pair[1])
					assert.False(t, compared, "%s:%d compares %s with %s", s.path, s.line(e.Pos()), operand(pair[0]), e.Op)
				}
			}
			return true
		})
	}
	require.Greater(t, files, 40)
	require.Greater(t, compares, 2, "the comparisons in constant time are still there")
}

// called returns "package.Function" or "".
func called(call *ast.CallExpr) string {
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok {
			return x.Name + "." + s.Sel.Name
		}
	}
	return ""
}

// operand returns the last name of x, m.sum[:] or string(m.sum).
func operand(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.IndexExpr:
		return operand(x.X)
	case *ast.SliceExpr:
		return operand(x.X)
	case *ast.ParenExpr:
		return operand(x.X)
	case *ast.CallExpr:
		if f, ok := x.Fun.(*ast.Ident); ok && f.Name == "string" && len(x.Args) == 1 {
			return operand(x.Args[0])
		}
	}
	return ""
}

// trivial reports whether comparing with e tells no more than whether there is anything: nil, "" or a number.
func trivial(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name == "nil"
	case *ast.BasicLit:
		return x.Value == `""` || x.Kind == token.INT
	}
	return false
}
