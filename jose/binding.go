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

// A Binding names the claims that tie a token to one request. BodyHash is required, and Method and Path are unless
// BodyOnly says that the provider's tokens do not name them: a token that is not bound to all three lets whoever sees
// one send it somewhere else. A dot reaches into an object: "request.meth" is the member meth of the claim request.
type Binding struct {
	Method   string // claim with the request's method
	Path     string // claim with the path of the URL, without the query
	BodyHash string // claim with the hash over the body's bytes as they were sent

	// BodyOnly states that the provider's tokens are bound to the body alone. Method and Path are empty then. Whoever sees
	// such a delivery can send it to another endpoint that has the same keys: give each endpoint keys of its own, or tell
	// events apart by what is in the body.
	BodyOnly bool

	// HashName is the claim that names the hash function, by a key of Hashes. Empty: the provider has one function,
	// and it stands in Hashes under the empty name.
	HashName string
	Hashes   map[string]crypto.Hash // SHA-256, SHA-384 and SHA-512 only

	Encoding Encoding // how BodyHash is written
}

// Encoding is how a hash is written in a claim.
type Encoding uint8

// The encodings of a [Binding].
const (
	Hex       Encoding = iota // lower-case hexadecimal; the default
	Base64                    // standard base64 with padding (RFC 4648, section 4)
	Base64URL                 // base64url without padding (RFC 4648, section 5)
)

func (b Binding) validate() error {
	switch {
	case b.BodyHash == "":
		return configError("the Binding must name the claim of the body's hash")
	case b.BodyOnly && (b.Method != "" || b.Path != ""):
		return configError("the Binding has BodyOnly beside Method or Path")
	case !b.BodyOnly && (b.Method == "" || b.Path == ""):
		return configError("the Binding must name the claims for method and path, or say BodyOnly")
	case b.Encoding > Base64URL:
		return configError("the Binding has an unknown Encoding")
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

// checkHead compares the claims with the request's head. path is that of the URL that the provider called.
func (b *Binding) checkHead(set *boundSet, d *truhook.Delivery, path string) error {
	if b.BodyOnly {
		return nil
	}
	method, err := set.text(b.Method, truhook.MissingRequestClaim)
	if err != nil {
		return err
	}
	claimed, err := set.text(b.Path, truhook.MissingRequestClaim)
	if err != nil {
		return err
	}
	if method != d.Method {
		return refuse(truhook.WrongMethod, b.Method)
	}
	if claimed != path {
		return refuse(truhook.WrongPath, b.Path)
	}
	return nil
}

// checkBody compares the claimed hash with the body's.
func (b *Binding) checkBody(set *boundSet, body []byte) error {
	function, want, err := b.bodyHash(set)
	if err != nil {
		return err
	}
	h := function.New()
	h.Write(body)
	if subtle.ConstantTimeCompare(h.Sum(nil), want) != 1 {
		return refuse(truhook.BodyHashMismatch, b.BodyHash)
	}
	return nil
}

// bodyHash returns the hash that is claimed, and its function.
func (b *Binding) bodyHash(set *boundSet) (function crypto.Hash, want []byte, err error) {
	text, err := set.text(b.BodyHash, truhook.MissingBodyHash)
	if err != nil {
		return 0, nil, err
	}
	name := ""
	if b.HashName != "" {
		if name, err = set.text(b.HashName, truhook.MissingBodyHash); err != nil {
			return 0, nil, err
		}
	}
	function, ok := b.Hashes[name]
	if !ok {
		return 0, nil, refuse(truhook.AlgorithmNotAllowed, b.HashName)
	}
	want, ok = b.decodeHash(text, function.Size())
	if !ok {
		return 0, nil, refuse(truhook.MalformedClaim, b.BodyHash)
	}
	return function, want, nil
}

func (b *Binding) decodeHash(text string, size int) ([]byte, bool) {
	switch b.Encoding {
	case Base64:
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		return raw, err == nil && len(raw) == size && len(text) == base64.StdEncoding.EncodedLen(size)
	case Base64URL:
		raw, ok := decode(text)
		return raw, ok && len(raw) == size && len(text) == base64.RawURLEncoding.EncodedLen(size)
	}
	raw, err := hex.DecodeString(text)
	return raw, err == nil && len(raw) == size && text == strings.ToLower(text)
}

// A boundSet is the claims of a token, from which those under dotted names are read.
type boundSet struct {
	claims claimSet
	name   string // of the object that was read last: a token has one around all of them
	object map[string]json.RawMessage
}

// text returns the string under a dotted name. missing is the reason where it, or the object around it, is absent.
func (s *boundSet) text(name string, missing truhook.Reason) (string, error) {
	members, rest := map[string]json.RawMessage(s.claims), name
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 && s.object != nil && s.name == name[:dot] {
		members, rest = s.object, name[dot+1:]
	}
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
		if rest = inner; !strings.Contains(rest, ".") {
			s.name, s.object = name[:len(name)-len(rest)-1], members
		}
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
