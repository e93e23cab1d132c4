package jose

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/strictjson"
)

// Claims are the claims of a verified token (RFC 7519, section 4.1). They are the Detail of this package's proofs:
// truhook.Detail[jose.Claims](v). The zero Claims are those of no token.
type Claims struct {
	Issuer, Subject string    // iss, and sub, which is empty if the token has none, or one that is no text
	Audience        []string  // aud, also where it is one text
	ID              string    // jti: the same for the same bytes sent again; empty like Subject
	IssuedAt        time.Time // iat
	NotBefore       time.Time // nbf; zero if the token has none
	Expires         time.Time // exp

	// Raw holds all claims as they were signed, the provider's own ones too: a JSON object of unique names. Read-only.
	Raw json.RawMessage
}

// A claimSet is the members of a token's payload; nothing in it is believed before the signature was checked.
type claimSet map[string]json.RawMessage

// text returns a claim that must be a string and must not be empty.
func (c claimSet) text(name string) (string, error) {
	if strictjson.IsNull(c[name]) {
		return "", refuse(truhook.MissingClaim, name)
	}
	text, ok := strictjson.String(c[name])
	if !ok || text == "" {
		return "", refuse(truhook.MalformedClaim, name)
	}
	return text, nil
}

// instant returns a NumericDate (RFC 7519, section 2).
func (c claimSet) instant(name string) (time.Time, error) {
	if strictjson.IsNull(c[name]) {
		return time.Time{}, refuse(truhook.MissingClaim, name)
	}
	const year10000 = 253402300800
	seconds, err := strconv.ParseFloat(string(c[name]), 64)
	if err != nil || !(seconds >= 0 && seconds < year10000) {
		return time.Time{}, refuse(truhook.MalformedClaim, name)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}

// audience returns aud, which may be one string or an array of them.
func (c claimSet) audience() ([]string, error) {
	raw := c["aud"]
	if strictjson.IsNull(raw) {
		return nil, refuse(truhook.MissingClaim, "aud")
	}
	if one, ok := strictjson.String(raw); ok {
		return []string{one}, nil
	}
	var several []*string
	if err := json.Unmarshal(raw, &several); err != nil || slices.Contains(several, nil) {
		return nil, refuse(truhook.MalformedClaim, "aud")
	}
	all := make([]string, len(several))
	for i, s := range several {
		all[i] = *s
	}
	return all, nil
}

// expectation is what the claims of a token must say, whatever the request.
type expectation struct {
	issuer, audience string
	subject          string // empty: not compared
	require          []string
	without          []string // of iss, aud, iat and exp, those that the tokens do not have
	noWindow         bool
	leeway, maxAge   time.Duration
}

// lacks reports whether the provider's tokens do not have a claim.
func (x *expectation) lacks(name string) bool { return slices.Contains(x.without, name) }

// check reads the claims and compares them, in the order of facts: issuer, audience, subject, then the times.
func (x *expectation) check(payload []byte, now time.Time) (Claims, claimSet, error) {
	members, err := strictjson.Object(payload, maxDepth)
	if err != nil {
		return Claims{}, nil, refuse(truhook.MalformedToken, "the claims are not a JSON object")
	}
	set, claims := claimSet(members), Claims{Raw: payload}
	if err := x.issuerOf(set, &claims); err != nil {
		return Claims{}, nil, err
	}
	if err := x.audienceOf(set, &claims); err != nil {
		return Claims{}, nil, err
	}
	if err := x.subjectOf(set, &claims); err != nil {
		return Claims{}, nil, err
	}
	if err := x.times(set, &claims, now); err != nil {
		return Claims{}, nil, err
	}
	// What nobody asked for costs nothing: issuers that write a number here are known.
	if claims.ID, err = set.text("jti"); err != nil && slices.Contains(x.require, "jti") {
		return Claims{}, nil, err
	}
	for _, name := range x.require {
		if strictjson.IsNull(set[name]) {
			return Claims{}, nil, refuse(truhook.MissingClaim, name)
		}
	}
	return claims, set, nil
}

func (x *expectation) issuerOf(set claimSet, claims *Claims) (err error) {
	if x.lacks("iss") {
		claims.Issuer, _ = strictjson.String(set["iss"])
		return nil
	}
	if claims.Issuer, err = set.text("iss"); err != nil {
		return err
	}
	if claims.Issuer != x.issuer {
		return refuse(truhook.WrongIssuer, "iss")
	}
	return nil
}

func (x *expectation) audienceOf(set claimSet, claims *Claims) (err error) {
	if x.lacks("aud") && strictjson.IsNull(set["aud"]) {
		return nil
	}
	if claims.Audience, err = set.audience(); err != nil {
		return err
	}
	if !slices.Contains(claims.Audience, x.audience) || x.lacks("aud") {
		return refuse(truhook.WrongAudience, "aud")
	}
	return nil
}

func (x *expectation) subjectOf(set claimSet, claims *Claims) (err error) {
	if x.subject == "" {
		claims.Subject, _ = strictjson.String(set["sub"])
		return nil
	}
	if claims.Subject, err = set.text("sub"); err != nil {
		return err
	}
	if claims.Subject != x.subject {
		return refuse(truhook.WrongSubject, "sub")
	}
	return nil
}

// times requires exp and iat, less what the provider's tokens lack, and what is there to be right. Leeway goes both
// ways.
func (x *expectation) times(set claimSet, claims *Claims, now time.Time) error {
	for _, c := range [...]struct {
		name string
		to   *time.Time
	}{{"exp", &claims.Expires}, {"iat", &claims.IssuedAt}, {"nbf", &claims.NotBefore}} {
		if strictjson.IsNull(set[c.name]) && (c.name == "nbf" || x.lacks(c.name)) {
			continue
		}
		at, err := set.instant(c.name)
		if err != nil {
			return err
		}
		*c.to = at
	}
	hasExp, hasIat := !claims.Expires.IsZero(), !claims.IssuedAt.IsZero()
	switch {
	case hasExp && (claims.Expires.Before(claims.IssuedAt) || claims.Expires.Before(claims.NotBefore)):
		return refuse(truhook.MalformedClaim, "exp")
	case hasExp && !now.Before(claims.Expires.Add(x.leeway)):
		return refuse(truhook.Expired, "exp")
	case hasIat && now.After(claims.IssuedAt.Add(x.maxAge).Add(x.leeway)): // a sum of durations could overflow
		return refuse(truhook.Expired, "iat")
	case now.Add(x.leeway).Before(claims.NotBefore):
		return refuse(truhook.NotYetValid, "nbf")
	case now.Add(x.leeway).Before(claims.IssuedAt):
		return refuse(truhook.NotYetValid, "iat")
	}
	return nil
}

func omissible() []string { return []string{"iss", "aud", "iat", "exp"} }

// newExpectation applies the defaults and refuses what would leave a claim unchecked.
func newExpectation(x expectation) (expectation, error) {
	switch {
	case slices.ContainsFunc(x.without, func(name string) bool { return !slices.Contains(omissible(), name) }):
		return x, configError("Without names another claim than iss, aud, iat and exp")
	case x.lacks("iss") != (x.issuer == ""):
		return x, configError("either an Issuer is given, or Without names iss")
	case x.lacks("aud") != (x.audience == ""):
		return x, configError("either an Audience is given, or Without names aud")
	case x.noWindow != (x.lacks("iat") && x.lacks("exp")):
		return x, configError("tokens without iat and exp need NoWindow, and no others may have it")
	case x.leeway < 0 || x.maxAge < 0:
		return x, configError("Leeway and MaxAge must not be negative")
	case slices.ContainsFunc(x.require, func(name string) bool { return strings.TrimSpace(name) == "" }):
		return x, configError("Require has an empty name")
	}
	if x.leeway == 0 {
		x.leeway = defaultLeeway
	}
	if x.maxAge == 0 {
		x.maxAge = defaultMaxAge
	}
	x.require, x.without = slices.Clone(x.require), slices.Clone(x.without)
	return x, nil
}

const (
	defaultLeeway = 30 * time.Second
	defaultMaxAge = 5 * time.Minute
)
