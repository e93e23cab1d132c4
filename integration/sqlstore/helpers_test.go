package sqlstore_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
)

func urlSpace(s string) string { return url.PathEscape(s) }

// ownSchema gives a test tables that no other one sees.
func ownSchema(tb testing.TB) *sql.DB {
	tb.Helper()
	name := fmt.Sprintf("own_%x", idempotency.NewToken())
	admin := open(tb, "pgx", server.URL())
	_, err := admin.Exec("CREATE SCHEMA " + name)
	require.NoError(tb, err)
	db := open(tb, "pgx", server.URL()+"&search_path="+name)
	_, err = db.Exec(sqlstore.PostgresSchema())
	require.NoError(tb, err)
	return db
}
