package mtls

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"

	"github.com/truhook/truhook"
)

// decodeXFCC reads Envoy's header: elements separated by commas, one for each proxy that added itself, of pairs
// key=value separated by semicolons. Values may be quoted, and a backslash inside quotes takes the next byte as it is.
//
// Envoy neither quotes nor escapes By, URI and DNS (its issues 9889 and 32945), so a client can smuggle pairs in by the
// names in its certificate. They come after Hash and Cert, so they could only repeat a key, which is refused; and Cert,
// or Chain where there is no Cert, has to begin with the certificate that Hash names, which TLS has proven. Several
// elements are refused too, as all but the last are the client's to write.
func decodeXFCC(value string) ([]*x509.Certificate, error) {
	pairs, err := splitXFCC(value)
	if err != nil {
		return nil, err
	}
	hash, err := hex.DecodeString(pairs["hash"])
	if err != nil || len(hash) != sha256.Size {
		return nil, malformed("there is no Hash of the certificate, which Envoy always writes")
	}
	leads := func(certificates []*x509.Certificate) bool {
		if certificates[0] == nil {
			return false
		}
		sum := sha256.Sum256(certificates[0].Raw)
		return bytes.Equal(hash, sum[:])
	}
	var certificates, chain []*x509.Certificate
	if pairs["cert"] != "" {
		if certificates, err = decodeAny(pairs["cert"]); err != nil {
			return nil, err
		}
		if !leads(certificates) || len(certificates) != 1 {
			return nil, malformed("Cert is not the one certificate that Hash names")
		}
	}
	if pairs["chain"] != "" {
		if chain, err = decodeAny(pairs["chain"]); err != nil {
			return nil, err
		}
	}
	switch {
	case len(certificates) == 0 && len(chain) == 0:
		return nil, malformed("there is neither Cert nor Chain: set_current_client_cert_details has to ask for cert: true")
	case len(certificates) == 0 && !leads(chain):
		return nil, malformed("Chain does not begin with the certificate that Hash names")
	case len(certificates) == 0 || len(chain) > 0 && chain[0].Equal(certificates[0]):
		return chain, nil // Envoy's Chain begins with the client's own
	}
	return append(certificates, chain...), nil
}

// isXFCC reports whether text begins as Envoy writes its header.
func isXFCC(text string) bool {
	key, _, found := strings.Cut(text, "=")
	key = lowerASCII(key)
	return found && (key == "by" || key == "hash")
}

func splitXFCC(text string) (map[string]string, error) {
	pairs := make(map[string]string)
	for {
		key, rest, found := strings.Cut(text, "=")
		if !found {
			return nil, malformed("a pair has no equals sign")
		}
		value, rest, err := cutXFCCValue(rest)
		if err != nil {
			return nil, err
		}
		key = lowerASCII(strings.Trim(key, " \t"))
		if _, repeated := pairs[key]; repeated && key != "uri" && key != "dns" {
			return nil, malformed("a key comes twice")
		}
		pairs[key] = value
		switch {
		case rest == "":
			return pairs, nil
		case rest[0] == ',':
			return nil, refuse(truhook.DuplicateHeader, "several elements: the proxy at the edge has to use SANITIZE_SET")
		}
		text = rest[1:]
	}
}

// cutXFCCValue leaves the separator at the head of rest.
func cutXFCCValue(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, ";,")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			rest = text[i+1:]
			if rest != "" && rest[0] != ';' && rest[0] != ',' {
				return "", "", malformed("something follows a quoted value")
			}
			return b.String(), rest, nil
		case '\\':
			if i++; i == len(text) {
				return "", "", malformed("a quoted value does not end")
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", malformed("a quoted value does not end")
}
