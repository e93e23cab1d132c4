-- The deliveries that were accepted. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS truhook_inbox (
    scope       text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    state       smallint         NOT NULL, -- 1 open, 2 done, 3 dead
    due         bigint           NOT NULL, -- open: when to begin, or when the lease ends; done: when to forget; dead: since
    attempt     bigint           NOT NULL, -- grows for ever
    base        bigint           NOT NULL, -- attempt at the last replay
    token       bytea            NOT NULL, -- of the worker; empty: none
    accepted_at bigint           NOT NULL,
    fingerprint bytea            NOT NULL,
    message     bytea            NOT NULL, -- JSON; empty when done
    error       text             NOT NULL, -- of the last attempt
    PRIMARY KEY (scope, id)
) WITH (fillfactor = 85);
CREATE INDEX IF NOT EXISTS truhook_inbox_due ON truhook_inbox (state, due);

-- The newest event of each resource for which a function was called.
CREATE TABLE IF NOT EXISTS truhook_inbox_resource (
    scope      text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    at         bigint           NOT NULL, -- the provider's time
    expires_at bigint           NOT NULL,
    PRIMARY KEY (scope, id)
) WITH (fillfactor = 85);
CREATE INDEX IF NOT EXISTS truhook_inbox_resource_expires_at ON truhook_inbox_resource USING brin (expires_at);
