package main

import (
	"bytes"
	"fmt"
	"go/format"
	"strconv"
	"strings"

	"github.com/truhook/truhook/recorded"
)

// recordedText returns the text of k as a recorded delivery.
func recordedText(k *kept) string {
	var b bytes.Buffer
	if err := recorded.Write(&b, k.recorded()); err != nil {
		return "it cannot be written: " + err.Error() + "\n"
	}
	return b.String()
}

// goTest returns a test of Go that judges k as it was judged, at the time at which it came. It fails for as long as the
// delivery is refused. It reads the secret from the environment.
func goTest(k *kept, ring keyring) string {
	p, err := findProvider(k.Verdict.Provider)
	if err != nil {
		return "// " + err.Error() + "\n"
	}
	imports := []string{`"os"`, `"strings"`, `"testing"`, ``, `"github.com/truhook/truhook"`, `"github.com/truhook/truhook/recorded"`}
	construct := fmt.Sprintf("\tsecret := os.Getenv(%q)\n\tif secret == \"\" {\n\t\tt.Fatal(%q)\n\t}\n",
		"TRUHOOK_SECRET", "set TRUHOOK_SECRET to the secret of this endpoint")
	switch p.name {
	case "truv", "truval":
		imports = append(imports, strconv.Quote("github.com/truhook/truhook/hmacsig/"+p.name))
		construct += "\tv, err := " + p.name + ".New(secret)\n"
	case "trulioo":
		imports = append(imports, `"github.com/truhook/truhook/hmacsig"`, `"github.com/truhook/truhook/hmacsig/trulioo"`)
		construct += "\tkey, err := hmacsig.NewKey(\"current\", secret)\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n" +
			"\tv, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})\n"
	case "transunion":
		imports = append([]string{`"path/filepath"`}, imports...)
		imports = append(imports, `"github.com/truhook/truhook/jose"`, `"github.com/truhook/truhook/jose/transunion"`)
		construct = fmt.Sprintf(goTransUnion, ring.entity)
	default:
		imports = append(imports, `"github.com/truhook/truhook/catalog"`)
		if p.needsURL("x") != "" {
			construct += fmt.Sprintf("\tp, _ := catalog.Lookup(%q)\n\tv, err := p.New(catalog.Config{URL: %q}, secret)\n", p.name, ring.url)
			break
		}
		construct += fmt.Sprintf("\tv, err := catalog.New(%q, secret)\n", p.name)
	}
	var b strings.Builder
	b.WriteString("package webhook_test\n\nimport (\n")
	for _, one := range imports {
		b.WriteString("\t" + one + "\n")
	}
	b.WriteString(")\n\n// The delivery holds what the provider sent: remove personal data before it is committed.\n")
	fmt.Fprintf(&b, "const delivery = %s\n\n", goLiteral(recordedText(k)))
	fmt.Fprintf(&b, "func TestDelivery_IsAccepted(t *testing.T) {\n%s", construct)
	b.WriteString("\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n" +
		"\tfile, err := recorded.Read(strings.NewReader(delivery))\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n" +
		"\td, err := file.Delivery()\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n" +
		"\tif _, err := v.Verify(t.Context(), d); err != nil {\n" +
		"\t\tt.Fatalf(\"refused: %s: %v\", truhook.ReasonOf(err), err)\n\t}\n}\n")
	source, err := format.Source([]byte(b.String()))
	if err != nil {
		return b.String()
	}
	return string(source)
}

const goTransUnion = `	dir := os.Getenv("TRUHOOK_KEYS") // platform-*.pem and service-*.pem
	if dir == "" {
		t.Fatal("set TRUHOOK_KEYS to the folder of the keys")
	}
	read := func(pattern string, use func(pem []byte)) {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			pem, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			use(pem)
		}
	}
	var platform jose.StaticKeys
	read("platform-*.pem", func(pem []byte) {
		key, err := jose.ParsePublicKey(pem)
		if err != nil {
			t.Fatal(err)
		}
		id, err := transunion.Fingerprint(key)
		if err != nil {
			t.Fatal(err)
		}
		platform = append(platform, jose.PublicKey{ID: id, Key: key})
	})
	var service jose.StaticPrivateKeys
	read("service-*.pem", func(pem []byte) {
		key, err := jose.ParsePrivateKey(pem)
		if err != nil {
			t.Fatal(err)
		}
		id, err := transunion.Fingerprint(key)
		if err != nil {
			t.Fatal(err)
		}
		service = append(service, jose.PrivateKey{ID: id, Key: key})
	})
	v, err := transunion.New(transunion.Config{Entity: %q, Keys: platform, PrivateKeys: service})
`

// goLiteral returns s as a literal: raw where that is exact and reads well.
func goLiteral(s string) string {
	if strconv.CanBackquote(strings.NewReplacer("\n", "", "\t", "").Replace(s)) && !strings.Contains(s, "\r") {
		return "`" + s + "`"
	}
	lines := strings.SplitAfter(s, "\n")
	quoted := make([]string, 0, len(lines))
	for _, line := range lines {
		if line != "" {
			quoted = append(quoted, strconv.Quote(line))
		}
	}
	return strings.Join(quoted, " +\n\t")
}
