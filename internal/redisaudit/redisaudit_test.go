package redisaudit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/redisaudit"
)

// FuzzServer replies with any text, in any form: every finding says what is wrong and what to do.
func FuzzServer(f *testing.F) {
	f.Add("# Server\r\nredis_version:7.0.15\r\n", "role:master", "yes", uint8(0))
	f.Add("redis_version:99999999999999999999.1", "role:slave", "no\r\nx", uint8(1))
	f.Add("", "", "", uint8(2))
	f.Fuzz(func(t *testing.T, info, role, setting string, form uint8) {
		findings := redisaudit.Server(t.Context(), func(_ context.Context, args ...any) (any, error) {
			switch {
			case args[0] == "INFO" && args[1] == "server":
				return info, nil
			case args[0] == "INFO":
				return role, nil
			case form%3 == 0:
				return []any{args[2], setting}, nil
			case form%3 == 1:
				return map[any]any{args[2]: setting}, nil
			}
			return 1, nil
		}, "records")
		for _, finding := range findings {
			require.NotEmpty(t, finding.Name)
			require.NotEmpty(t, finding.Problem)
			require.NotEmpty(t, finding.Remedy)
		}
	})
}
