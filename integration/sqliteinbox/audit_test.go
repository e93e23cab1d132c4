package sqliteinbox_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/inbox/sqliteinbox"
)

func TestAudit_FindsADatabaseThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings string
		fails    bool
	}{
		"as documented": {settings: sqliteSettings},
		"mode=ro":       {settings: "?mode=ro&_pragma=busy_timeout(1000)", fails: true},
		"query_only":    {settings: sqliteSettings + "&_pragma=query_only(1)", fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "file:" + filepath.Join(t.TempDir(), "inbox.db")
			require.NoError(t, database(path+sqliteSettings).open(t).Close())
			db, err := sql.Open("sqlite", path+c.settings)
			require.NoError(t, err)
			defer db.Close()
			q := newQueue(t, db, sqliteinbox.Config{})
			var names []string
			for _, f := range q.Audit(t.Context()) {
				names = append(names, string(f.Severity)+" "+f.Name)
			}
			_, err = q.Enqueue(t.Context(), message("a"))
			if !c.fails {
				assert.Empty(t, names)
				require.NoError(t, err)
				return
			}
			assert.Equal(t, []string{"error store-read-only"}, names)
			require.Error(t, err, "which the audit has foretold")
		})
	}
}
