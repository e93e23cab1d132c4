-- The deliveries that were accepted. Times are microseconds since 1970.
CREATE TABLE IF NOT EXISTS truhook_inbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    scope       TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    state       INTEGER NOT NULL, -- 1 waiting, 2 running, 3 delayed, 4 done, 5 dead
    due         INTEGER NOT NULL, -- waiting, delayed: when to begin; running: when the lease ends; done: when to forget; dead: since
    attempt     INTEGER NOT NULL, -- grows for ever, so that seq and attempt name one worker
    base        INTEGER NOT NULL, -- attempt at the last replay
    accepted_at INTEGER NOT NULL,
    fingerprint BLOB    NOT NULL,
    message     BLOB    NOT NULL, -- JSON; empty when done
    error       TEXT    NOT NULL, -- of the last attempt
    UNIQUE (scope, id)
);
CREATE INDEX IF NOT EXISTS truhook_inbox_open ON truhook_inbox (due) WHERE state <= 3;
CREATE INDEX IF NOT EXISTS truhook_inbox_done ON truhook_inbox (due) WHERE state = 4;
CREATE INDEX IF NOT EXISTS truhook_inbox_dead ON truhook_inbox (due) WHERE state = 5;

-- How many events are in each state but done, so that nobody has to count them.
CREATE TABLE IF NOT EXISTS truhook_inbox_count (
    state INTEGER PRIMARY KEY,
    n     INTEGER NOT NULL
);
INSERT INTO truhook_inbox_count (state, n) VALUES (1, 0), (2, 0), (3, 0), (5, 0) ON CONFLICT (state) DO NOTHING;
CREATE TRIGGER IF NOT EXISTS truhook_inbox_inserted AFTER INSERT ON truhook_inbox WHEN NEW.state <> 4 BEGIN
    UPDATE truhook_inbox_count SET n = n + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER IF NOT EXISTS truhook_inbox_moved AFTER UPDATE OF state ON truhook_inbox WHEN OLD.state <> NEW.state BEGIN
    UPDATE truhook_inbox_count SET n = n - 1 WHERE state = OLD.state;
    UPDATE truhook_inbox_count SET n = n + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER IF NOT EXISTS truhook_inbox_deleted AFTER DELETE ON truhook_inbox WHEN OLD.state <> 4 BEGIN
    UPDATE truhook_inbox_count SET n = n - 1 WHERE state = OLD.state;
END;

-- The newest event of each resource for which a function was called.
CREATE TABLE IF NOT EXISTS truhook_inbox_resource (
    scope      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- the provider's time
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS truhook_inbox_resource_expires_at ON truhook_inbox_resource (expires_at);
