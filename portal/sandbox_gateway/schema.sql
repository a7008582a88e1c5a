-- The gateway's tables. Instants are milliseconds since 1970 on the gateway's clock, unless the name says otherwise.

CREATE TABLE IF NOT EXISTS settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Payment instruments. Never the number itself: its brand, last digits, a keyed hash, and the outcome it simulates.
CREATE TABLE IF NOT EXISTS tokens (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('card', 'mobile_money', 'bank_account')),
    brand TEXT NOT NULL,
    last4 TEXT NOT NULL CHECK (length(last4) = 4),
    exp_month INTEGER CHECK (exp_month BETWEEN 1 AND 12),
    exp_year INTEGER CHECK (exp_year BETWEEN 2000 AND 2099),
    holder TEXT,
    phone TEXT,
    bank_name TEXT,
    fingerprint TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reusable INTEGER NOT NULL CHECK (reusable IN (0, 1)),
    created_at INTEGER NOT NULL,
    detached_at INTEGER
) STRICT;

CREATE TABLE IF NOT EXISTS charges (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    description TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'failed', 'pending', 'requires_action', 'canceled')),
    failure_code TEXT,
    token TEXT NOT NULL REFERENCES tokens (id),
    return_url TEXT,
    locale TEXT,
    amount_refunded INTEGER NOT NULL DEFAULT 0,
    webhooks TEXT NOT NULL,
    webhook_delay_seconds INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    due_at INTEGER,
    due_status TEXT CHECK (due_status IN ('succeeded', 'failed')),
    due_failure_code TEXT,
    CONSTRAINT one_charge_a_reference UNIQUE (account, reference),
    CONSTRAINT never_more_than_captured CHECK (amount_refunded BETWEEN 0 AND amount),
    CONSTRAINT a_failure_has_a_reason CHECK ((status = 'failed') = (failure_code IS NOT NULL)),
    CONSTRAINT an_end_has_an_instant
        CHECK ((status IN ('succeeded', 'failed', 'canceled')) = (completed_at IS NOT NULL)),
    CONSTRAINT only_the_pending_fall_due CHECK (due_at IS NULL OR (status = 'pending' AND due_status IS NOT NULL))
) STRICT;
CREATE INDEX IF NOT EXISTS charges_due ON charges (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS charges_newest ON charges (account, created_at, sequence);

CREATE TABLE IF NOT EXISTS pages (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    payee TEXT NOT NULL,
    description TEXT NOT NULL,
    return_url TEXT NOT NULL,
    cancel_url TEXT NOT NULL,
    locale TEXT NOT NULL,
    channels TEXT NOT NULL,
    save INTEGER NOT NULL CHECK (save IN (0, 1)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    canceled_at INTEGER,
    charge TEXT REFERENCES charges (id),
    CONSTRAINT not_paid_and_canceled CHECK (canceled_at IS NULL OR charge IS NULL)
) STRICT;
CREATE INDEX IF NOT EXISTS pages_of_a_reference ON pages (account, reference);

-- Pages that save a payment method and charge nothing. The token is set as soon as 3-D Secure is required.
CREATE TABLE IF NOT EXISTS setups (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    payee TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    return_url TEXT NOT NULL,
    cancel_url TEXT NOT NULL,
    locale TEXT NOT NULL,
    channels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    token TEXT REFERENCES tokens (id),
    webhooks TEXT NOT NULL DEFAULT 'normal',
    webhook_delay_seconds INTEGER NOT NULL DEFAULT 0,
    completed_at INTEGER,
    failed_at INTEGER,
    canceled_at INTEGER,
    CONSTRAINT one_setup_a_reference UNIQUE (account, reference),
    CONSTRAINT one_end_of_a_setup
        CHECK ((completed_at IS NOT NULL) + (failed_at IS NOT NULL) + (canceled_at IS NOT NULL) <= 1),
    CONSTRAINT what_is_kept_has_a_token CHECK (completed_at IS NULL OR token IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refunds (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    charge TEXT NOT NULL REFERENCES charges (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'pending', 'failed')),
    failure_code TEXT,
    created_at INTEGER NOT NULL,
    due_at INTEGER,
    due_failure_code TEXT,
    webhooks TEXT NOT NULL DEFAULT 'normal',
    webhook_delay_seconds INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT one_refund_a_reference UNIQUE (account, reference),
    CONSTRAINT the_pending_fall_due CHECK ((status = 'pending') = (due_at IS NOT NULL))
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS refunds_of_a_charge ON refunds (charge);

-- The response is stored in the transaction of the operation, so that a key stands for all of it or nothing.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    in_flight_until INTEGER NOT NULL, -- system time: a delayed response does not depend on the gateway's clock
    CONSTRAINT one_answer_a_key PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS behaviours (
    id INTEGER PRIMARY KEY,
    account TEXT,
    reference TEXT,
    uses_left INTEGER NOT NULL CHECK (uses_left > 0),
    answer TEXT NOT NULL,
    delay_seconds INTEGER NOT NULL,
    webhooks TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS webhook_endpoints (
    account TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL
) STRICT;

-- One row for each delivery of an event, sent or queued; an event that is sent twice has two. All in system time.
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    subject TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER, -- null: delivered, out of retries, or held until a later event of its subject is sent
    held INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1)),
    delivered_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_held ON deliveries (subject) WHERE held = 1;
