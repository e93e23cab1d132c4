package sqlstore

// SQLite has one writer at a time, so a claim looks before it asks to be that: a duplicate only reads.
var sqlite = statements{
	look: `
SELECT 0, state, attempt, token, fingerprint, lease_until - ?7, expires_at > ?7 OR state = 1 AND lease_until > ?7
FROM truhook_claim WHERE scope = ?1 AND id = ?2`,

	take: `
INSERT INTO truhook_claim AS c (scope, id, state, attempt, token, fingerprint, lease_until, expires_at)
VALUES (?1, ?2, 1, 1, ?3, ?4, ?7 + ?5, ?7 + ?6)
ON CONFLICT (scope, id) DO UPDATE SET
	state = 1, token = excluded.token, lease_until = excluded.lease_until,
	attempt = CASE
		WHEN NOT (c.expires_at > ?7 OR c.state = 1 AND c.lease_until > ?7) THEN 1
		WHEN c.state = 1 AND c.token = excluded.token THEN c.attempt
		ELSE MIN(c.attempt + 1, 4294967295) END,
	fingerprint = CASE
		WHEN c.expires_at > ?7 OR c.state = 1 AND c.lease_until > ?7 THEN c.fingerprint ELSE excluded.fingerprint END,
	expires_at = CASE
		WHEN c.expires_at > ?7 OR c.state = 1 AND c.lease_until > ?7 THEN c.expires_at ELSE excluded.expires_at END
WHERE c.state = 2 OR c.state = 1 AND (c.token = excluded.token OR c.lease_until <= ?7)
	OR NOT (c.expires_at > ?7 OR c.state = 1 AND c.lease_until > ?7)
RETURNING attempt, fingerprint`,

	settle: `
UPDATE truhook_claim SET state = ?4, expires_at = MAX(expires_at, ?5 + 500000)
WHERE scope = ?1 AND id = ?2 AND token = ?3 AND state IN (1, ?4)
	AND (expires_at > ?5 OR state = 1 AND lease_until > ?5)`,

	extend: `
UPDATE truhook_claim SET lease_until = ?5 + ?4
WHERE scope = ?1 AND id = ?2 AND token = ?3 AND state = 1 AND (expires_at > ?5 OR lease_until > ?5)`,

	forget: `DELETE FROM truhook_claim WHERE scope = ?1 AND id = ?2 AND state = 3 AND ?3 IS NOT NULL`,

	state: `SELECT state, state = 1 AND lease_until > ?3 FROM truhook_claim WHERE scope = ?1 AND id = ?2`,

	order: `
INSERT INTO truhook_resource AS r (scope, id, at, expires_at) VALUES (?1, ?2, ?3, ?5 + ?4)
ON CONFLICT (scope, id) DO UPDATE SET at = excluded.at, expires_at = excluded.expires_at
WHERE r.at < excluded.at OR r.expires_at <= ?5`,

	newest: `SELECT at FROM truhook_resource WHERE scope = ?1 AND id = ?2 AND expires_at > ?3`,

	once: `
INSERT INTO truhook_once AS o (scope, id, expires_at) VALUES (?1, ?2, ?4 + ?3)
ON CONFLICT (scope, id) DO UPDATE SET expires_at = excluded.expires_at WHERE o.expires_at <= ?4
RETURNING true`,

	prune: [...]string{`
DELETE FROM truhook_claim WHERE (scope, id) IN (SELECT scope, id FROM truhook_claim
	WHERE expires_at <= ?2 AND NOT (state = 1 AND lease_until > ?2) LIMIT ?1)`, `
DELETE FROM truhook_resource WHERE (scope, id) IN (SELECT scope, id FROM truhook_resource WHERE expires_at <= ?2 LIMIT ?1)`, `
DELETE FROM truhook_once WHERE (scope, id) IN (SELECT scope, id FROM truhook_once WHERE expires_at <= ?2 LIMIT ?1)`},
}
