package jose_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

func bearerConfig() jose.BearerConfig {
	return jose.BearerConfig{
		Issuer: "issuer", Audience: "audience", Algorithms: []string{"RS256"},
		Keys: jose.StaticKeys{{ID: "1", Key: &testKeys().rsa.PublicKey}},
	}
}

func TestBearerTakesOneTokenThatItCanCheck(t *testing.T) {
	t.Parallel()
	check, err := jose.Bearer(bearerConfig())
	require.NoError(t, err)
	good := token(t, nil)
	for name, c := range map[string]struct {
		lines []string
		want  truhook.Reason
	}{
		"a token":             {[]string{"Bearer " + good}, ""},
		"in any case":         {[]string{"bEARER   " + good}, ""},
		"none":                {nil, truhook.MissingToken},
		"an empty line":       {[]string{""}, truhook.MissingToken},
		"no token":            {[]string{"Bearer"}, truhook.MissingToken},
		"spaces":              {[]string{"Bearer   "}, truhook.MissingToken},
		"another scheme":      {[]string{"Basic " + good}, truhook.MissingToken},
		"no scheme":           {[]string{good}, truhook.MissingToken},
		"a longer scheme":     {[]string{"BearerX " + good}, truhook.MissingToken},
		"twice":               {[]string{"Bearer " + good, "Bearer " + good}, truhook.DuplicateHeader},
		"beside Basic":        {[]string{"Basic eA==", "Bearer " + good}, truhook.DuplicateHeader},
		"two in a line":       {[]string{"Bearer " + good + ", Bearer " + good}, truhook.MalformedToken},
		"a tab":               {[]string{"Bearer\t" + good}, truhook.MissingToken},
		"a trailing space":    {[]string{"Bearer " + good + " "}, truhook.MalformedToken},
		"another issuer":      {[]string{"Bearer " + token(t, object{"iss": "x"})}, truhook.WrongIssuer},
		"another audience":    {[]string{"Bearer " + token(t, object{"aud": "x"})}, truhook.WrongAudience},
		"expired":             {[]string{"Bearer " + token(t, object{"exp": now.Unix() - 30, "iat": 0, "nbf": 0})}, truhook.Expired},
		"no exp":              {[]string{"Bearer " + token(t, object{"exp": nil})}, truhook.MissingClaim},
		"a day and more old":  {[]string{"Bearer " + token(t, object{"iat": now.Unix() - 86431, "exp": now.Unix() + 60})}, truhook.Expired},
		"a day old":           {[]string{"Bearer " + token(t, object{"iat": now.Unix() - 86430, "exp": now.Unix() + 60})}, ""},
		"unbound":             {[]string{"Bearer " + token(t, object{"request": nil})}, ""},
		"signed by another":   {[]string{"Bearer " + rawToken(t, testKeys().other, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(nil))))}, truhook.SignatureMismatch},
		"an algorithm beside": {[]string{"Bearer " + signed(t, "PS256", testKeys().rsa)}, truhook.AlgorithmNotAllowed},
	} {
		err := check.Run(t.Context(), &truhook.Delivery{Header: http.Header{"Authorization": c.lines}, Received: now})
		assert.Equal(t, c.want, truhook.ReasonOf(err), "%s: %v", name, err)
	}
}

func TestBearerNeedsAllItChecks(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *jose.BearerConfig){
		"issuer":     func(c *jose.BearerConfig) { c.Issuer = "" },
		"audience":   func(c *jose.BearerConfig) { c.Audience = "" },
		"keys":       func(c *jose.BearerConfig) { c.Keys = nil },
		"algorithms": func(c *jose.BearerConfig) { c.Algorithms = nil },
		"HS256":      func(c *jose.BearerConfig) { c.Algorithms = []string{"HS256"} },
		"leeway":     func(c *jose.BearerConfig) { c.Leeway = -time.Second },
		"age":        func(c *jose.BearerConfig) { c.MaxAge = -time.Second },
	} {
		cfg := bearerConfig()
		change(&cfg)
		check, err := jose.Bearer(cfg)
		assert.Error(t, err, name)
		assert.Empty(t, check.String(), name)
	}
}
