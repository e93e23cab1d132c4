package trulioo

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/payload"
)

// ParseCredentials reads the answer of the endpoint client-webhooks/current-credential: the keys of all webhooks in it,
// each with its credentialIdentifier as id and valid from effectiveStartDateTimeUTC on and until before
// expirationDateTimeUTC. Times without a zone are UTC, as the names say; an expiration that is null or absent leaves
// the window open. Whether the bounds are inclusive is not documented. Several may be valid at once.
//
// What is not JSON, has no credentials or one without id or secret, or has a window that ends before it begins, is an
// error, which holds no secret.
func ParseCredentials(response []byte) ([]hmacsig.Key, error) {
	var answer struct {
		Data struct {
			Webhooks []struct {
				Credentials []struct {
					ID        string        `json:"credentialIdentifier"`
					Secret    string        `json:"secretValue"`
					NotBefore payload.Time  `json:"effectiveStartDateTimeUTC"`
					NotAfter  *payload.Time `json:"expirationDateTimeUTC"`
				} `json:"credentials"`
			} `json:"webhooks"`
		} `json:"data"`
	}
	if json.Unmarshal(response, &answer) != nil { // whose error can quote a value
		return nil, errors.New("trulioo: the credentials are not JSON of the documented form")
	}
	var keys []hmacsig.Key
	for _, w := range answer.Data.Webhooks {
		for _, c := range w.Credentials {
			key, err := hmacsig.NewKey(c.ID, c.Secret)
			if err != nil {
				return nil, fmt.Errorf("trulioo: credential: %w", err)
			}
			var end time.Time // zero: open
			if c.NotAfter != nil {
				// An empty text, or the year 1 that .NET writes for a time that was never set, ends the window too.
				if end = c.NotAfter.Time; !c.NotBefore.Before(end) {
					return nil, fmt.Errorf("trulioo: credential %q is never valid: it ends before it begins", c.ID)
				}
			}
			keys = append(keys, key.Between(c.NotBefore.Time, end))
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("trulioo: the answer holds no credentials")
	}
	return keys, nil
}
