-- Several processes may run this at once: IF NOT EXISTS alone lets two of them create one table, and the second one fail.
SELECT pg_advisory_xact_lock(8390880576440238);

-- The events that are being handled or were handled.
CREATE TABLE IF NOT EXISTS truhook_claim (
    scope       text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    state       smallint         NOT NULL, -- 1 pending, 2 released, 3 done
    attempt     bigint           NOT NULL,
    token       bytea            NOT NULL, -- of the owner
    fingerprint bytea            NOT NULL, -- of the first claim
    lease_until timestamptz      NOT NULL, -- of the owner, while pending
    expires_at  timestamptz      NOT NULL, -- set by the first claim and not changed after it, so updates touch no index
    PRIMARY KEY (scope, id)
) WITH (fillfactor = 85);
CREATE INDEX IF NOT EXISTS truhook_claim_expires_at ON truhook_claim USING brin (expires_at);

-- The newest event of each resource for which a handler was started.
CREATE TABLE IF NOT EXISTS truhook_resource (
    scope      text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    at         bigint           NOT NULL, -- the provider's time, in microseconds since 1970
    expires_at timestamptz      NOT NULL,
    PRIMARY KEY (scope, id)
) WITH (fillfactor = 85);
CREATE INDEX IF NOT EXISTS truhook_resource_expires_at ON truhook_resource USING brin (expires_at);

-- The events that were handled in a transaction of their own.
CREATE TABLE IF NOT EXISTS truhook_once (
    scope      text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    expires_at timestamptz      NOT NULL,
    PRIMARY KEY (scope, id)
);
CREATE INDEX IF NOT EXISTS truhook_once_expires_at ON truhook_once USING brin (expires_at);
