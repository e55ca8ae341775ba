CREATE TABLE IF NOT EXISTS customer (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    phone         TEXT NOT NULL,
    account       TEXT NOT NULL UNIQUE
);

-- Amounts are whole pence: positive comes in, negative goes out. A balance is their sum.
CREATE TABLE IF NOT EXISTS movement (
    id          INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    day         TEXT NOT NULL,
    party       TEXT NOT NULL,
    note        TEXT NOT NULL,
    pence       INTEGER NOT NULL CHECK (pence <> 0)
);

-- Who has agreed to a profile of how they move, and when.
CREATE TABLE IF NOT EXISTS consent (
    customer_id TEXT PRIMARY KEY REFERENCES customer (id),
    given       TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS movement_of ON movement (customer_id, id);
