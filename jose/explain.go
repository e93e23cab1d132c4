package jose

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/probe"
	"github.com/truhook/truhook/internal/secrettext"
)

var _ truhook.Explainer = (*Verifier)(nil)

// Explain implements [truhook.Explainer]. It looks for a token that a key at hand has signed: as it came, in another
// header or form, with an algorithm that is not allowed, under a key of the other verifiers, or with the secret
// written in another way. Once the signature is shown, the path is compared with the claimed one (path-rewritten
// names the prefix), and the body is what gives the claimed hash: the decrypted text (hash-of-plaintext), or what it
// was before something parsed, trimmed or unpacked it.
//
// The keys at hand are static ones, those of files as they were read last, and those that a cache holds. No source is
// asked and no path opened. Without a signature by a key at hand nothing is Proven.
func (v *Verifier) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	if v == nil || v.tokens == nil {
		return truhook.Explanation{Reason: truhook.NoKey, Complete: true}
	}
	d := q.Delivery
	if d == nil {
		d = &truhook.Delivery{}
	}
	s := &search{Budget: probe.Budget{Ctx: ctx, Left: max(q.MaxHashedBytes, 0)}, v: v, d: d, at: d.Received}
	if s.at.IsZero() {
		s.at = v.tokens.now()
	}
	if q.JudgeOnly {
		reason, proofs := s.judge()
		return truhook.Explanation{Reason: reason, Scheme: v.scheme, Proofs: proofs, Complete: !s.Spent, HashedBytes: s.Hashed}
	}
	return s.explain(q.Others)
}

// search is one explanation under way.
type search struct {
	probe.Budget
	v  *Verifier
	d  *truhook.Delivery
	at time.Time

	tried    int
	accepted bool     // by the keys at hand
	ruledOut []string // causes of which candidates were compared
}

func (s *search) explain(others []truhook.Verifier) truhook.Explanation {
	reason, proofs := s.judge()
	out := truhook.Explanation{Reason: reason, Scheme: s.v.scheme}
	if s.v.decrypter == nil { // else it can be refused as it does not decrypt
		out.Proofs = proofs
	}
	if !s.accepted && !saysItAll(reason) {
		out.Findings = s.findings(reason, others)
	}
	out.Complete = !s.Spent && s.Ctx.Err() == nil
	out.Tried, out.HashedBytes = s.tried, s.Hashed
	if !slices.ContainsFunc(out.Findings, func(f truhook.Finding) bool { return f.Proven }) {
		out.RuledOut = s.ruledOut
	}
	return out
}

// saysItAll reports whether a Reason needs no cause beside it.
func saysItAll(r truhook.Reason) bool {
	switch r {
	case truhook.KeyExpired, truhook.KeyNotYetValid, truhook.MissingKeyID, truhook.MissingClaim, truhook.MalformedClaim,
		truhook.WrongIssuer, truhook.WrongAudience, truhook.WrongSubject, truhook.MissingRequestClaim,
		truhook.MissingBodyHash:
		return true
	}
	return false
}

// judge returns why the delivery is refused by the keys at hand; empty if it would be accepted, or if that is not
// known. The proofs are those of a token that is bound to what came, unless anybody can know the secret.
func (s *search) judge() (reason truhook.Reason, proofs []truhook.Proof) {
	k, _, err := s.v.head(s.d)
	if err != nil {
		return truhook.ReasonOf(err), nil
	}
	id, err := s.provenAtHand(s.v, k, true)
	if errors.Is(err, errNothingAtHand) {
		return "", nil
	} else if err != nil {
		return truhook.ReasonOf(err), nil
	}
	if !s.afford(int64(len(s.d.Body))) {
		return "", nil
	}
	if err := s.v.binding.checkBody(&k.set, s.d.Body); err != nil {
		return truhook.ReasonOf(err), nil
	}
	s.accepted = s.v.decrypter == nil
	if s.v.isWeak(id) {
		return "", nil
	}
	return "", []truhook.Proof{{Scheme: s.v.scheme, KeyID: id}}
}

var errNothingAtHand = errors.New("no key is at hand")

// provenAtHand returns the id of a key at hand of o that signed k. strictly asks for the key that the token names.
func (s *search) provenAtHand(o *Verifier, k *token, strictly bool) (keyID string, err error) {
	if o.tokens.secrets != nil {
		secrets := o.tokens.secretsAtHand()
		if len(secrets) == 0 {
			return "", errNothingAtHand
		}
		s.tried += len(secrets)
		return k.authenticatedBy(secrets)
	}
	keys := o.tokens.keysAtHand()
	if len(keys) == 0 {
		return "", errNothingAtHand
	}
	if named := slices.DeleteFunc(slices.Clone(keys), func(p PublicKey) bool { return p.ID != k.keyID }); strictly {
		if keys = named; len(keys) == 0 {
			return "", refuse(truhook.UnknownKey, "no key at hand has the id that the token names")
		}
	}
	s.tried += len(keys)
	for i := range keys {
		if s.Ctx.Err() != nil {
			s.Spent = true
			break
		}
		key := keys[i]
		if !strictly {
			key.Algorithm = "" // which signedToken looks at
		}
		if err = k.signedBy([]PublicKey{key}, s.at); err == nil || !falseSignature(err) {
			return key.ID, err
		}
	}
	return "", err
}

// falseSignature reports whether a key did not sign: what is signed by an expired key is.
func falseSignature(err error) bool {
	switch truhook.ReasonOf(err) {
	case truhook.SignatureMismatch, truhook.AlgorithmNotAllowed, truhook.KeysUnavailable:
		return true
	}
	return false
}

// findings looks for causes. A delivery of which no token is signed by a key at hand has likely causes only.
func (s *search) findings(reason truhook.Reason, others []truhook.Verifier) []truhook.Finding {
	likely := s.likely(reason)
	k, changes, weak := s.signedToken(others)
	if k == nil {
		return likely
	}
	explained := true
	if s.v.binding.checkHead(&k.set, s.d, s.v.pathOf(s.d)) != nil {
		path, ok := s.path(k)
		changes = append(changes, path...)
		explained = explained && ok
	}
	offset := int64(-1)
	body, ok := s.body(k, &offset)
	changes = append(changes, body...)
	explained = explained && ok
	var out []truhook.Finding
	for _, c := range changes {
		f := c.finding(explained && !weak && !c.likely)
		if strings.HasPrefix(c.cause, "body-") {
			f.Offset = offset
		}
		if len(changes) > 1 {
			f.Problem += " It is not the only change: the findings belong together."
		}
		out = append(out, f)
	}
	proven := slices.ContainsFunc(out, func(f truhook.Finding) bool { return f.Proven })
	for _, f := range likely {
		if proven && slices.Contains([]string{causeIsPath, causeIsPlaceholder, causeCut}, f.Name) {
			continue // the proven cause has named what was there, byte for byte
		}
		if !slices.ContainsFunc(out, func(told truhook.Finding) bool { return told.Name == f.Name }) {
			out = append(out, f)
		}
	}
	return out
}

// path says how the path of the request differs from the claimed one, and whether that alone explains it.
func (s *search) path(k *token) (changes []change, explained bool) {
	method, err := k.set.text(s.v.binding.Method, truhook.MissingRequestClaim)
	if err != nil {
		return nil, false
	}
	if method != s.d.Method {
		subject := fmt.Sprintf("%.16q became %.16q", method, s.d.Method)
		changes = append(changes, change{cause: causeRedirected, subject: subject, likely: true})
	}
	claimed, err := k.set.text(s.v.binding.Path, truhook.MissingRequestClaim)
	if err != nil {
		return changes, false
	}
	if came := s.v.pathOf(s.d); claimed != came {
		subject, simple := pathChange(claimed, came)
		changes = append(changes, change{cause: causePath, subject: subject, likely: !simple})
	}
	return changes, !slices.ContainsFunc(changes, func(c change) bool { return c.likely })
}

// afford takes bytes off the budget.
func (s *search) afford(bytes int64) bool {
	if s.Ctx.Err() != nil || bytes > s.Left {
		s.Spent = true
		return false
	}
	s.Left -= bytes
	s.Hashed += bytes
	return true
}

// likely are causes that can only be supposed.
func (s *search) likely(reason truhook.Reason) []truhook.Finding {
	var out []truhook.Finding
	d := s.d
	switch reason {
	case truhook.Expired, truhook.NotYetValid:
		if text := s.outside(); text != "" && !d.Received.IsZero() {
			f := change{cause: causeOutsideWindow}.finding(false)
			f.Problem = text
			out = append(out, f)
		}
	case truhook.DuplicateHeader:
		out = append(out, change{cause: causeFolded}.finding(false))
	case truhook.WrongMethod:
		out = append(out, change{cause: causeRedirected, subject: fmt.Sprintf("%.16q", d.Method)}.finding(false))
	}
	if s.v.tokens.secrets != nil && !saysItAll(reason) {
		for _, secret := range s.v.tokens.secretsAtHand() {
			switch text := string(secret.open()); {
			case secrettext.IsPath(text):
				out = append(out, change{cause: causeIsPath, subject: secret.id}.finding(false))
			case secrettext.Weak([]byte(text)):
				out = append(out, change{cause: causeIsPlaceholder, subject: secret.id}.finding(false))
			}
		}
	}
	n := d.Header.Get("Content-Length")
	announced := n != "" && n != "0"
	posted := d.Method == "" || d.Method == http.MethodPost
	if len(d.Body) == 0 && (announced || posted && (reason == truhook.BodyHashMismatch || d.Body != nil && reason != truhook.MissingToken)) {
		out = append(out, change{cause: causeEmpty}.finding(false))
	} else if n != "" && len(n) < 12 && n != fmt.Sprint(len(d.Body)) && len(d.Body) > 0 {
		var announced int
		if _, err := fmt.Sscan(n, &announced); err == nil && announced > len(d.Body) {
			out = append(out, change{cause: causeCut}.finding(false))
		}
	}
	if d.Method != "" && d.Method != http.MethodPost && reason != truhook.WrongMethod {
		out = append(out, change{cause: causeRedirected, subject: fmt.Sprintf("%.16q", d.Method)}.finding(false))
	}
	return out
}

// outside says by how much the token's times lie outside of the window.
func (s *search) outside() string {
	text, err := s.v.token(s.d.CanonicalHeader())
	if err != nil {
		return ""
	}
	k, err := takeApart(text, s.v.tokens.algorithms)
	if err != nil {
		return ""
	}
	if issued, err := k.set.claims.instant("iat"); err == nil {
		age, direction := s.at.Sub(issued).Round(time.Second), "before"
		if age < 0 {
			age, direction = -age, "after"
		}
		return fmt.Sprintf("The token was issued %v %s the time of receipt.", age, direction)
	}
	return ""
}
