// Package leaktest prints values in every way that a program prints values, and looks for secrets in what comes out.
package leaktest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Forms returns how a secret looks in the output of fmt, slog and the encoders.
func Forms(secret string) []string {
	raw := []byte(secret)
	quoted := strconv.Quote(secret)
	escaped, _ := json.Marshal(secret)
	forms := []string{
		secret, quoted[1 : len(quoted)-1], string(escaped[1 : len(escaped)-1]), url.QueryEscape(secret), url.PathEscape(secret),
		hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
		base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
	for _, verb := range []string{"% x", "% X", "%d", "%o", "%O", "%b", "%#v", "%#x", "% #x", "%q", "%U", "%c"} {
		text := fmt.Sprintf(verb, raw)
		for _, end := range []string{"[]byte{", "[", "]", "}"} {
			text = strings.TrimSuffix(strings.TrimPrefix(text, end), end)
		}
		forms = append(forms, text)
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// Check fails if a secret shows when value is printed: by every verb and flag, in slog, by the encoders, in a panic,
// and inside of a caller's struct, map or slice, under exported and unexported names. It also walks through everything
// that reflection reaches, as dumpers do.
func Check(t testing.TB, value any, secrets ...string) {
	t.Helper()
	forms := map[string][]string{}
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("a secret of %d bytes would be found by chance", len(secret))
		}
		forms[secret] = Forms(secret)
	}
	type hidden struct{ field any }
	type open struct{ Field any }
	shapes := map[string]any{
		"itself": value, "pointer": &value, "unexported field": hidden{value}, "pointer to it": &hidden{value},
		"exported field": open{value}, "map": map[string]any{"k": value}, "slice": []any{value}, "array": [1]any{value},
		"nested": map[string]any{"k": []any{&hidden{&open{value}}}},
	}
	v := reflect.ValueOf(value)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		shapes["what it points to"] = v.Elem().Interface()
	}
	typed := reflect.MakeSlice(reflect.SliceOf(v.Type()), 1, 1)
	typed.Index(0).Set(v)
	shapes["typed slice"] = typed.Interface()
	for shape, s := range shapes {
		for way, text := range outputs(s) {
			for _, secret := range secrets {
				for _, form := range forms[secret] {
					if strings.Contains(text, form) {
						t.Errorf("%T shows a secret: as %s, by %s", value, shape, way)
					}
				}
			}
		}
	}
	for _, secret := range secrets {
		if path := reach(v, []byte(secret), "value", map[visit]bool{}, 0); path != "" {
			t.Errorf("%T: reflection reaches a secret at %s", value, path)
		}
	}
}

// outputs returns what comes out of every way to print, by its name.
func outputs(value any) map[string]string {
	out := map[string]string{}
	for _, flags := range []string{"", "+", "#", " "} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb > 'Z' && verb < 'a' {
				continue
			}
			out["%"+flags+string(verb)] = fmt.Sprintf("%"+flags+string(verb), value)
		}
	}
	out["Sprintln"] = fmt.Sprintln(value)
	out["error"] = fmt.Errorf("wrapped: %w", fmt.Errorf("%+v %w", value, context.Canceled)).Error()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "value", value, slog.Group("g", "value", value), "list", []any{value})
		out[name] = b.String()
	}
	for name, encode := range map[string]func(*bytes.Buffer) error{
		"json": func(b *bytes.Buffer) error { return json.NewEncoder(b).Encode(value) },
		"xml":  func(b *bytes.Buffer) error { return xml.NewEncoder(b).Encode(value) },
		"gob":  func(b *bytes.Buffer) error { return gob.NewEncoder(b).Encode(value) },
	} {
		var b bytes.Buffer
		err := func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("%v", p)
				}
			}()
			return encode(&b)
		}()
		out[name] = b.String() + fmt.Sprint(err)
	}
	func() {
		defer func() { out["panic"] = fmt.Sprint(recover()) + string(debug.Stack()) }()
		panic(value)
	}()
	return out
}

type visit struct {
	at uintptr
	of reflect.Type
}

// reach returns the way to where a secret stands, through pointers, interfaces and unexported fields, but not through
// functions and what package unsafe hides.
func reach(v reflect.Value, secret []byte, path string, seen map[visit]bool, depth int) string {
	if !v.IsValid() || depth > 40 {
		return ""
	}
	switch v.Kind() {
	case reflect.String:
		if strings.Contains(v.String(), string(secret)) {
			return path
		}
	case reflect.Pointer:
		if v.IsNil() || seen[visit{v.Pointer(), v.Type()}] {
			return ""
		}
		seen[visit{v.Pointer(), v.Type()}] = true
		return reach(v.Elem(), secret, "*"+path, seen, depth+1)
	case reflect.Interface:
		return reach(v.Elem(), secret, path, seen, depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if found := reach(v.Field(i), secret, path+"."+v.Type().Field(i).Name, seen, depth+1); found != "" {
				return found
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			for _, one := range []reflect.Value{it.Key(), it.Value()} {
				if found := reach(one, secret, path+"[]", seen, depth+1); found != "" {
					return found
				}
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			if bytes.Contains(v.Bytes(), secret) {
				return path
			}
			return ""
		}
		for i := range v.Len() {
			if found := reach(v.Index(i), secret, path+"[]", seen, depth+1); found != "" {
				return found
			}
		}
	}
	return ""
}
