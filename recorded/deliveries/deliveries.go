// Package deliveries embeds the recorded deliveries of this module for its examples and tests. README.md says what they
// are and how they are made.
package deliveries

import (
	"embed"
	"io/fs"
)

//go:embed */*.http transunion/*.pem
var files embed.FS

// FS returns the recorded deliveries as <provider>/<delivery>.http, for recorded.ReadFS, and
// TransUnion's keys, made for tests, as transunion/<key>.pem.
func FS() fs.FS { return files }
