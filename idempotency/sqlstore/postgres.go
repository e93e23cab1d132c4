package sqlstore

// A duplicate must not lock the row it meets, let alone write a new version of it, as ON CONFLICT DO UPDATE does even
// where its WHERE is false: a storm of duplicates would stand in line. So a claim inserts or reads, in one statement,
// and only one that may have a record which exists updates it.
//
// No row from look means that the twin has committed after the statement began; take waits for such a row and decides.
var postgres = statements{
	look: `
WITH fresh AS (
	INSERT INTO truhook_claim (scope, id, state, attempt, token, fingerprint, lease_until, expires_at)
	VALUES ($1, $2, 1, 1, $3, $4,
		clock_timestamp() + $5::float8 * interval '1 microsecond',
		clock_timestamp() + $6::float8 * interval '1 microsecond')
	ON CONFLICT DO NOTHING
	RETURNING 1)
SELECT true, 1::smallint, 1::bigint, ''::bytea, ''::bytea, 0::bigint, true FROM fresh
UNION ALL
SELECT false, state, attempt, token, fingerprint,
	(extract(epoch FROM lease_until - clock_timestamp()) * 1000000)::bigint,
	expires_at > clock_timestamp() OR state = 1 AND lease_until > clock_timestamp()
FROM truhook_claim WHERE scope = $1 AND id = $2 AND NOT EXISTS (SELECT 1 FROM fresh)`,

	take: `
INSERT INTO truhook_claim AS c (scope, id, state, attempt, token, fingerprint, lease_until, expires_at)
VALUES ($1, $2, 1, 1, $3, $4,
	clock_timestamp() + $5::float8 * interval '1 microsecond',
	clock_timestamp() + $6::float8 * interval '1 microsecond')
ON CONFLICT (scope, id) DO UPDATE SET
	state = 1, token = excluded.token, lease_until = excluded.lease_until,
	attempt = CASE
		WHEN NOT (c.expires_at > clock_timestamp() OR c.state = 1 AND c.lease_until > clock_timestamp()) THEN 1
		WHEN c.state = 1 AND c.token = excluded.token THEN c.attempt
		ELSE LEAST(c.attempt + 1, 4294967295) END,
	fingerprint = CASE
		WHEN c.expires_at > clock_timestamp() OR c.state = 1 AND c.lease_until > clock_timestamp() THEN c.fingerprint
		ELSE excluded.fingerprint END,
	expires_at = CASE
		WHEN c.expires_at > clock_timestamp() OR c.state = 1 AND c.lease_until > clock_timestamp() THEN c.expires_at
		ELSE excluded.expires_at END
WHERE c.state = 2 OR c.state = 1 AND (c.token = excluded.token OR c.lease_until <= clock_timestamp())
	OR NOT (c.expires_at > clock_timestamp() OR c.state = 1 AND c.lease_until > clock_timestamp())
RETURNING attempt, fingerprint`,

	settle: `
UPDATE truhook_claim SET state = $4::smallint,
	expires_at = GREATEST(expires_at, clock_timestamp() + interval '0.5 seconds')
WHERE scope = $1 AND id = $2 AND token = $3 AND state IN (1::smallint, $4::smallint)
	AND (expires_at > clock_timestamp() OR state = 1 AND lease_until > clock_timestamp())`,

	extend: `
UPDATE truhook_claim SET lease_until = clock_timestamp() + $4::float8 * interval '1 microsecond'
WHERE scope = $1 AND id = $2 AND token = $3 AND state = 1
	AND (expires_at > clock_timestamp() OR lease_until > clock_timestamp())`,

	forget: `DELETE FROM truhook_claim WHERE scope = $1 AND id = $2 AND state = 3`,

	state: `SELECT state, state = 1 AND lease_until > clock_timestamp() FROM truhook_claim WHERE scope = $1 AND id = $2`,

	order: `
INSERT INTO truhook_resource AS r (scope, id, at, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + $4::float8 * interval '1 microsecond')
ON CONFLICT (scope, id) DO UPDATE SET at = excluded.at, expires_at = excluded.expires_at
WHERE r.at < excluded.at OR r.expires_at <= clock_timestamp()`,

	newest: `SELECT at FROM truhook_resource WHERE scope = $1 AND id = $2 AND expires_at > clock_timestamp()`,

	// No row: what it met has gone, or come, since the statement began.
	once: `
WITH fresh AS (
	INSERT INTO truhook_once (scope, id, expires_at)
	VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 microsecond')
	ON CONFLICT DO NOTHING
	RETURNING 1),
forgotten AS (
	UPDATE truhook_once SET expires_at = clock_timestamp() + $3::float8 * interval '1 microsecond'
	WHERE scope = $1 AND id = $2 AND expires_at <= clock_timestamp() AND NOT EXISTS (SELECT 1 FROM fresh)
	RETURNING 1)
SELECT true FROM fresh UNION ALL SELECT true FROM forgotten UNION ALL
SELECT false FROM truhook_once WHERE scope = $1 AND id = $2 AND expires_at > clock_timestamp()
	AND NOT EXISTS (SELECT 1 FROM fresh) AND NOT EXISTS (SELECT 1 FROM forgotten)`,

	// The time is a subquery, as an index is not asked for a value that may change from row to row.
	prune: [...]string{`
DELETE FROM truhook_claim WHERE ctid = ANY(ARRAY(SELECT ctid FROM truhook_claim
	WHERE expires_at <= (SELECT clock_timestamp()) AND NOT (state = 1 AND lease_until > clock_timestamp())
	LIMIT $1 FOR UPDATE SKIP LOCKED))`, `
DELETE FROM truhook_resource WHERE ctid = ANY(ARRAY(SELECT ctid FROM truhook_resource
	WHERE expires_at <= (SELECT clock_timestamp()) LIMIT $1 FOR UPDATE SKIP LOCKED))`, `
DELETE FROM truhook_once WHERE ctid = ANY(ARRAY(SELECT ctid FROM truhook_once
	WHERE expires_at <= (SELECT clock_timestamp()) LIMIT $1 FOR UPDATE SKIP LOCKED))`},

	left: [...]string{
		`SELECT 1 FROM truhook_claim WHERE expires_at <= (SELECT clock_timestamp() - interval '1 minute')
	AND NOT (state = 1 AND lease_until > clock_timestamp()) LIMIT 1`,
		`SELECT 1 FROM truhook_resource WHERE expires_at <= (SELECT clock_timestamp() - interval '1 minute') LIMIT 1`,
		`SELECT 1 FROM truhook_once WHERE expires_at <= (SELECT clock_timestamp() - interval '1 minute') LIMIT 1`,
	},
}
