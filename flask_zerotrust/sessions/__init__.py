"""Keep a session's record in the store, and its ids and tokens in the signed cookie."""
