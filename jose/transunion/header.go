package transunion

import (
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// token finds the token in X-IOV-JWT, which the vendor's SDKs read, and in Authorization: IOV-JWT, which the provider's
// page shows. Both may come if they are equal.
func token() jose.TokenFunc {
	bare, documented := jose.HeaderToken("X-IOV-JWT"), jose.AuthorizationToken("IOV-JWT")
	return func(h http.Header) (string, error) {
		one, err := bare(h)
		if err != nil && truhook.ReasonOf(err) != truhook.MissingToken {
			return "", err
		}
		two, err2 := documented(h)
		if err2 != nil && truhook.ReasonOf(err2) != truhook.MissingToken {
			return "", err2
		}
		switch {
		case one == "" && two == "":
			return "", &truhook.Error{Reason: truhook.MissingToken, Err: errNoToken}
		case one == "":
			return two, nil
		case two != "" && one != two:
			return "", &truhook.Error{Reason: truhook.DuplicateHeader, Err: errTwoTokens}
		}
		return one, nil
	}
}
