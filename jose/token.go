package jose

import (
	"net/http"
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/strictjson"
)

const (
	maxToken = 16 << 10 // bytes of a token
	maxKeyID = 256      // bytes of a key id
	maxDepth = 16       // objects and arrays in one another, in a header, in claims and in a key set
)

// A TokenFunc finds the token of a request. An error refuses the delivery; give it a Reason, MissingToken if there is
// none. The header is that of an unauthenticated sender. It must be safe for concurrent use.
type TokenFunc func(h http.Header) (string, error)

// HeaderToken returns a [TokenFunc] that takes the token from the header name, which must come exactly once and hold
// nothing else. No such line, or an empty one, is MissingToken; a second one DuplicateHeader.
func HeaderToken(name string) TokenFunc {
	canonical := http.CanonicalHeaderKey(name)
	return func(h http.Header) (string, error) {
		switch lines := h[canonical]; {
		case len(lines) > 1:
			return "", refuse(truhook.DuplicateHeader, canonical)
		case len(lines) == 0 || lines[0] == "":
			return "", refuse(truhook.MissingToken, canonical)
		default:
			return lines[0], nil
		}
	}
}

// AuthorizationToken returns a [TokenFunc] that takes the token from the Authorization header, behind the scheme word
// in any case and one or more spaces (RFC 9110, section 11.4). Lines of another scheme are left alone. None of this
// scheme, or one without a token, is MissingToken; a second one DuplicateHeader.
func AuthorizationToken(scheme string) TokenFunc {
	return func(h http.Header) (string, error) {
		token, found := "", false
		for _, line := range h["Authorization"] {
			word, rest, _ := strings.Cut(line, " ")
			if !strings.EqualFold(word, scheme) {
				continue
			}
			if found {
				return "", refuse(truhook.DuplicateHeader, "Authorization")
			}
			token, found = strings.TrimLeft(rest, " "), true
		}
		if token == "" {
			return "", refuse(truhook.MissingToken, "Authorization")
		}
		return token, nil
	}
}

// A head is what a token's header says before anything is proven.
type head struct{ algorithm, keyID string }

// parseForm checks the form of a token: everything that can be said without a key and the claims. All three parts
// have to be in their one canonical spelling, as otherwise 16 spellings of a signature's last character would verify.
func parseForm(token string, algorithms []string) (head, error) {
	switch {
	case token == "":
		return head{}, refuse(truhook.MissingToken, "it is empty")
	case len(token) > maxToken:
		return head{}, refuse(truhook.HeaderTooLong, "token")
	case strings.Count(token, ".") != 2:
		return head{}, refuse(truhook.MalformedToken, "not three parts")
	}
	first, rest, _ := strings.Cut(token, ".")
	second, third, _ := strings.Cut(rest, ".")
	raw, ok := decode(first)
	if !ok {
		return head{}, refuse(truhook.MalformedToken, "the header is not strict base64url")
	}
	h, _, err := readHeader(raw, truhook.MalformedToken)
	if err != nil {
		return head{}, err
	}
	if !slices.Contains(algorithms, h.algorithm) {
		return head{}, refuse(truhook.AlgorithmNotAllowed, "alg")
	}
	if !encodes(second) || !encodes(third) {
		return head{}, refuse(truhook.MalformedToken, "not strict base64url")
	}
	return h, nil
}

// forbidden members change what is verified or decrypted, or bring a key of the sender's own. No provider sends them.
var forbidden = [...]string{"crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "epk", "p2c", "p2s"}

// readHeader reads a JOSE header (RFC 7515, section 4; RFC 7516, section 4). malformed is the reason for a bad one.
func readHeader(raw []byte, malformed truhook.Reason) (h head, enc string, err error) {
	members, err := strictjson.Object(raw, maxDepth)
	if err != nil {
		return head{}, "", refuse(malformed, "the header is not a JSON object")
	}
	for _, name := range forbidden {
		if _, there := members[name]; there {
			return head{}, "", refuse(malformed, "the header has the member "+name)
		}
	}
	texts := [...]struct {
		name string
		to   *string
	}{{"alg", &h.algorithm}, {"kid", &h.keyID}, {"enc", &enc}}
	for _, t := range texts {
		if value, there := members[t.name]; there {
			if *t.to, there = strictjson.String(value); !there {
				return head{}, "", refuse(malformed, "the header member "+t.name+" is not a string")
			}
		}
	}
	return h, enc, nil
}

// checkKeyID keeps out what has no business in a key id, as ids reach sources, logs and metrics.
func checkKeyID(id string, malformed truhook.Reason) error {
	if id == "" {
		return refuse(truhook.MissingKeyID, "kid")
	}
	if !validKeyID(id) {
		return refuse(malformed, "kid")
	}
	return nil
}

func validKeyID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return false
		}
	}
	return id != "" && len(id) <= maxKeyID
}
