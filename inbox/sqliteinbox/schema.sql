-- The deliveries that were accepted. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS truhook_inbox (
    scope       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    state       INTEGER NOT NULL, -- 1 open, 2 done, 3 dead
    due         INTEGER NOT NULL, -- open: when to begin, or when the lease ends; done: when to forget; dead: since
    attempt     INTEGER NOT NULL, -- grows for ever
    base        INTEGER NOT NULL, -- attempt at the last replay
    token       BLOB    NOT NULL, -- of the worker; empty: none
    accepted_at INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL,
    message     BLOB    NOT NULL, -- JSON; empty when done
    error       TEXT    NOT NULL, -- of the last attempt
    PRIMARY KEY (scope, id)
);
CREATE INDEX IF NOT EXISTS truhook_inbox_due ON truhook_inbox (state, due);

-- The newest event of each resource for which a function was called.
CREATE TABLE IF NOT EXISTS truhook_inbox_resource (
    scope      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    at         INTEGER NOT NULL, -- the provider's time
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS truhook_inbox_resource_expires_at ON truhook_inbox_resource (expires_at);
