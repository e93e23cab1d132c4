-- The events that are being handled or were handled. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS truhook_claim (
    scope       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    state       INTEGER NOT NULL, -- 1 pending, 2 released, 3 done
    attempt     INTEGER NOT NULL,
    token       BLOB    NOT NULL, -- of the owner
    fingerprint BLOB    NOT NULL, -- of the first claim
    lease_until INTEGER NOT NULL, -- of the owner, while pending
    expires_at  INTEGER NOT NULL, -- set by the first claim and not changed after it, so updates touch no index
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS truhook_claim_expires_at ON truhook_claim (expires_at);

-- The newest event of each resource for which a handler was started.
CREATE TABLE IF NOT EXISTS truhook_resource (
    scope      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    at         INTEGER NOT NULL, -- the provider's time
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS truhook_resource_expires_at ON truhook_resource (expires_at);

-- The events that were handled in a transaction of their own.
CREATE TABLE IF NOT EXISTS truhook_once (
    scope      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS truhook_once_expires_at ON truhook_once (expires_at);
