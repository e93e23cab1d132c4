package jose

import (
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/headername"
	"github.com/truhook/truhook/internal/secrettext"
	"github.com/truhook/truhook/internal/strictjson"
)

const (
	maxCandidates = 64 // texts that are tried as the token
	maxOthers     = 64 // verifiers whose keys are tried too
)

// A candidate is a text that may be the token, and what was done to it.
type candidate struct {
	text    string
	changes []change
}

// signedToken returns a token of the delivery that a key at hand has signed, and what had to be undone for it. weak
// says that anybody could have made it.
func (s *search) signedToken(others []truhook.Verifier) (k *token, changes []change, weak bool) {
	for _, c := range s.candidates() {
		if s.Ctx.Err() != nil {
			s.Spent = true
			return nil, nil, false
		}
		k, err := takeApart(c.text, allAlgorithms())
		if err != nil {
			continue
		}
		changes := c.changes
		id, err := s.provenAtHand(s.v, k, false)
		fits := err == nil || !errors.Is(err, errNothingAtHand) && !falseSignature(err)
		if !slices.Contains(s.v.tokens.algorithms, k.algorithm) || fits && s.v.isForAnother(id, k.algorithm) {
			changes = append(changes, change{cause: causeAlgorithm, subject: k.algorithm})
		}
		if fits {
			return k, changes, s.v.isWeak(id)
		}
		if len(changes) == 1 && !errors.Is(err, errNothingAtHand) {
			s.triedFor(true, changes[0].cause)
		}
		if more, weak, ok := s.writtenOtherwise(k, len(changes) == 0); ok {
			return k, append(changes, more), weak
		}
		for _, o := range s.verifiersIn(others) {
			cause := causeOtherProvider
			if o.scheme == s.v.scheme {
				cause = causeOtherEnvironment
			}
			id, err := s.provenAtHand(o, k, false)
			if err != nil {
				s.triedFor(len(changes) == 0 && !errors.Is(err, errNothingAtHand), cause)
				continue
			}
			return k, append(changes, change{cause: cause, subject: o.scheme + ", key " + id}), o.isWeak(id)
		}
	}
	return nil, nil, false
}

func allAlgorithms() []string { return append(signatureAlgorithms(), secretAlgorithms()...) }

// takeApart reads a token without looking at what its claims say.
func takeApart(text string, algorithms []string) (*token, error) {
	h, err := parseForm(text, algorithms)
	if err != nil {
		return nil, err
	}
	last := strings.LastIndexByte(text, '.')
	k := &token{head: h, input: text[:last], signature: text[last+1:]}
	payload, ok := decode(k.input[strings.IndexByte(k.input, '.')+1:])
	if !ok {
		return nil, refuse(truhook.MalformedToken, "not strict base64url")
	}
	members, err := strictjson.Object(payload, maxDepth)
	if err != nil {
		return nil, refuse(truhook.MalformedToken, "the claims are not a JSON object")
	}
	k.set.claims = members
	return k, nil
}

// candidates lists the texts that may be the token: where it should stand, then in other forms there, then elsewhere.
func (s *search) candidates() []candidate {
	header := s.d.CanonicalHeader()
	var out []candidate
	add := func(text string, changes ...change) {
		known := slices.ContainsFunc(out, func(c candidate) bool { return c.text == text })
		if strings.Count(text, ".") == 2 && len(text) <= maxToken && len(out) < maxCandidates && !known {
			out = append(out, candidate{text, changes})
		}
	}
	right, err := s.v.token(header)
	if err == nil {
		add(right)
	}
	places := s.places()
	for name, lines := range header {
		inPlace := slices.Contains(places, name)
		var elsewhere []change
		if !inPlace {
			cause := causeOtherHeader
			if slices.ContainsFunc(places, func(place string) bool { return similar(name, place) }) {
				cause = causeSimilarName
			}
			elsewhere = []change{{cause: cause, subject: headername.Printable(name)}}
		}
		for _, line := range lines {
			if inPlace && len(lines) > 1 {
				add(line, change{cause: causeFolded})
			} else {
				add(line, elsewhere...)
			}
			for _, part := range strings.Split(line, ",") {
				text, form := bare(part)
				changes := slices.Clone(elsewhere)
				switch {
				case strings.Contains(line, ",") || inPlace && len(lines) > 1:
					changes = append(changes, change{cause: causeFolded})
				case form != "" && (inPlace || name != "Authorization"): // which has a word in front by itself
					changes = append(changes, change{cause: causeForm, subject: form})
				}
				add(text, changes...)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int {
		if few := len(a.changes) - len(b.changes); few != 0 {
			return few
		}
		return strings.Compare(a.text, b.text)
	})
	return out
}

// places returns the names of the headers in which the token is looked for, as the refusal without one names them.
func (s *search) places() (names []string) {
	_, err := s.v.token(http.Header{})
	var missing *truhook.Error
	if !errors.As(err, &missing) || missing.Err == nil {
		return nil
	}
	for word := range strings.FieldsSeq(missing.Err.Error()) {
		names = append(names, http.CanonicalHeaderKey(strings.Trim(word, ":,.")))
	}
	return names
}

// bare takes off what stands around a token, and says what that was.
func bare(text string) (string, string) {
	trimmed := strings.Trim(text, " \t\r\n")
	form := ""
	if trimmed != text {
		form = "white space"
	}
	if unquoted := strings.Trim(trimmed, `"'`); unquoted != trimmed {
		trimmed, form = unquoted, "quotes"
	}
	if space := strings.LastIndexAny(trimmed, " \t"); space >= 0 {
		trimmed, form = trimmed[space+1:], "a word in front"
	}
	if equal := strings.LastIndexByte(strings.TrimRight(trimmed, "="), '='); equal >= 0 {
		trimmed, form = trimmed[equal+1:], "a word in front"
	}
	if unpadded := strings.NewReplacer("=", "", "+", "-", "/", "_").Replace(trimmed); unpadded != trimmed {
		trimmed, form = unpadded, "base64 in place of base64url"
	}
	return trimmed, form
}

// similar reports whether two names of headers differ in what proxies and typists change.
func similar(a, b string) bool {
	plain := func(name string) string {
		name = strings.ToLower(textproto.CanonicalMIMEHeaderKey(name))
		return strings.TrimPrefix(strings.NewReplacer("-", "", "_", "").Replace(name), "x")
	}
	one, two := plain(a), plain(b)
	ends := func(long, short string) bool { return len(short) > 4 && strings.HasSuffix(long, short) }
	return b != "" && (one == two || ends(one, two) || ends(two, one))
}

// verifiersIn collects the verifiers of this package among others, those inside of compositions included.
func (s *search) verifiersIn(others []truhook.Verifier) []*Verifier {
	var out []*Verifier
	for depth := 0; len(others) > 0 && depth < 8 && len(out) < maxOthers; depth++ {
		var inner []truhook.Verifier
		for _, other := range others {
			if u, ok := other.(interface{ Unwrap() []truhook.Verifier }); ok {
				inner = append(inner, u.Unwrap()...)
			}
			if h, ok := other.(interface{ itself() *Verifier }); ok {
				if o := h.itself(); o != nil && o.tokens != nil && o != s.v {
					out = append(out, o)
				}
			}
		}
		others = inner
	}
	return out
}

func (v *Verifier) itself() *Verifier { return v }

// triedFor notes that a candidate was compared without success, if it has no other change.
func (s *search) triedFor(alone bool, cause string) {
	if alone && !slices.Contains(s.ruledOut, cause) {
		s.ruledOut = append(s.ruledOut, cause)
	}
}

// writtenOtherwise tries the secrets at hand as they may be written where the sender has them, and their labels. alone
// says that the token stands where it should.
func (s *search) writtenOtherwise(k *token, alone bool) (c change, weak, ok bool) {
	if s.v.tokens.secrets == nil || !slices.Contains(secretAlgorithms(), k.algorithm) {
		return change{}, false, false
	}
	signature, _ := decode(k.signature)
	signs := func(text string) bool {
		s.tried++
		good, err := safely(func() (int, error) {
			return authenticates(k.algorithm, []byte(text), []byte(k.input), signature), nil
		})
		return err == nil && good == 1
	}
	for _, secret := range s.v.tokens.secretsAtHand() {
		for _, w := range secrettext.Writings(string(secret.open())) {
			if signs(w.Text) {
				c := change{cause: w.Cause, subject: secret.id + ": " + w.Subject, remedy: w.Remedy}
				return c, secrettext.Weak([]byte(w.Text)), true
			}
			s.triedFor(alone, w.Cause)
		}
		if signs(secret.id) {
			return change{cause: causeIDAsSecret, subject: secret.id, likely: true}, true, true
		}
		s.triedFor(alone, causeIDAsSecret)
	}
	return change{}, false, false
}

// isForAnother reports whether the key at hand with this id is for another algorithm.
func (o *Verifier) isForAnother(id, algorithm string) bool {
	return slices.ContainsFunc(o.tokens.keysAtHand(), func(k PublicKey) bool {
		return k.ID == id && k.Algorithm != "" && k.Algorithm != algorithm
	})
}

// isWeak reports whether the secret at hand of o with this id is one that anybody can know.
func (o *Verifier) isWeak(id string) bool {
	return o.tokens.secrets != nil && slices.ContainsFunc(o.tokens.secretsAtHand(), func(s Secret) bool {
		return s.id == id && secrettext.Weak(s.open())
	})
}
