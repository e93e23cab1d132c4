package jose

import (
	"crypto"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/strictjson"
)

// A Binding names the claims that tie a token to one request. Method, Path and BodyHash are required: a token that is
// not bound to all three would let whoever sees one send something else with it. A dot reaches into an object:
// "request.meth" is the member meth of the claim request.
type Binding struct {
	Method   string // claim with the request's method
	Path     string // claim with the path of the URL, without the query
	BodyHash string // claim with the hash over the body's bytes as they were sent

	// HashName is the claim that names the hash function, by a key of Hashes. Empty: the provider has one function,
	// and it stands in Hashes under the empty name.
	HashName string
	Hashes   map[string]crypto.Hash // SHA-256, SHA-384 and SHA-512 only

	// Base64URL says that BodyHash is in base64url without padding. The default is lower-case hexadecimal.
	Base64URL bool
}

func (b Binding) validate() error {
	if b.Method == "" || b.Path == "" || b.BodyHash == "" {
		return configError("the Binding must name the claims for method, path and body hash")
	}
	if len(b.Hashes) == 0 || b.HashName == "" && (len(b.Hashes) != 1 || b.Hashes[""] == 0) {
		return configError("the Binding must say which hash functions it takes")
	}
	for name, h := range b.Hashes {
		if h != crypto.SHA256 && h != crypto.SHA384 && h != crypto.SHA512 || name == "" && b.HashName != "" {
			return configError("the Binding takes SHA-256, SHA-384 and SHA-512 only, each under its name")
		}
	}
	return nil
}

func (b Binding) clone() Binding {
	b.Hashes = maps.Clone(b.Hashes)
	return b
}

// check compares the claims with the request. path is that of the URL that the provider called.
func (b *Binding) check(set claimSet, d *truhook.Delivery, path string) error {
	method, err := bound(set, b.Method, truhook.MissingRequestClaim)
	if err != nil {
		return err
	}
	claimed, err := bound(set, b.Path, truhook.MissingRequestClaim)
	if err != nil {
		return err
	}
	if method != d.Method {
		return refuse(truhook.WrongMethod, b.Method)
	}
	if claimed != path {
		return refuse(truhook.WrongPath, b.Path)
	}
	text, err := bound(set, b.BodyHash, truhook.MissingBodyHash)
	if err != nil {
		return err
	}
	name := ""
	if b.HashName != "" {
		if name, err = bound(set, b.HashName, truhook.MissingBodyHash); err != nil {
			return err
		}
	}
	function, ok := b.Hashes[name]
	if !ok {
		return refuse(truhook.AlgorithmNotAllowed, b.HashName)
	}
	want, ok := b.decodeHash(text, function.Size())
	if !ok {
		return refuse(truhook.MalformedClaim, b.BodyHash)
	}
	h := function.New()
	h.Write(d.Body)
	if subtle.ConstantTimeCompare(h.Sum(nil), want) != 1 {
		return refuse(truhook.BodyHashMismatch, b.BodyHash)
	}
	return nil
}

func (b *Binding) decodeHash(text string, size int) ([]byte, bool) {
	if b.Base64URL {
		raw, ok := decode(text)
		return raw, ok && len(raw) == size && len(text) == base64.RawURLEncoding.EncodedLen(size)
	}
	raw, err := hex.DecodeString(text)
	return raw, err == nil && len(raw) == size && text == strings.ToLower(text)
}

// bound returns the string under a dotted name. missing is the reason where it, or the object around it, is absent.
func bound(set claimSet, name string, missing truhook.Reason) (string, error) {
	members, rest := map[string]json.RawMessage(set), name
	for {
		outer, inner, dotted := strings.Cut(rest, ".")
		value := members[outer]
		if strictjson.IsNull(value) {
			if dotted {
				missing = truhook.MissingRequestClaim
			}
			return "", refuse(missing, name)
		}
		if !dotted {
			text, ok := strictjson.String(value)
			if !ok {
				return "", refuse(truhook.MalformedClaim, name)
			}
			return text, nil
		}
		var err error
		if members, err = strictjson.Object(value, maxDepth); err != nil {
			return "", refuse(truhook.MalformedClaim, name)
		}
		rest = inner
	}
}

// requestPath returns the path of a request target as it was sent (RFC 9112, section 3.2), without the query.
func requestPath(target string) string {
	path, _, _ := strings.Cut(target, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	if _, rest, ok := strings.Cut(path, "://"); ok {
		if slash := strings.IndexByte(rest, '/'); slash >= 0 {
			return rest[slash:]
		}
		return "/"
	}
	return path
}
