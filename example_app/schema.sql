CREATE TABLE customer (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    phone         TEXT NOT NULL,
    account       TEXT NOT NULL UNIQUE
);

-- Amounts are whole pence: positive comes in, negative goes out. A balance is their sum.
CREATE TABLE movement (
    id          INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    day         TEXT NOT NULL,
    party       TEXT NOT NULL,
    note        TEXT NOT NULL,
    pence       INTEGER NOT NULL CHECK (pence <> 0)
);

CREATE INDEX movement_of ON movement (customer_id, id);
