"""What a fresh bank holds: three customers and a quarter of ordinary life each."""

from __future__ import annotations

from typing import NamedTuple

#: Shown on the login page; the database holds only their hashes.
PASSWORDS = {"ada": "analytical", "grace": "nanosecond", "alan": "enigmatic"}


class Seed(NamedTuple):
    """A demo customer. The numbers are from the range that Ofcom keeps free for drama."""

    id: str
    name: str
    phone: str
    account: str
    opening: int


CUSTOMERS = (
    Seed("ada", "Ada Lovelace", "+447700900101", "18151210", 1_184_250),
    Seed("grace", "Grace Hopper", "+447700900202", "19061209", 1_462_075),
    Seed("alan", "Alan Turing", "+447700900303", "19120623", 987_340),
)

# (days ago, party, note, pence), oldest first; a month that repeats three times.
_MONTH = (
    (27, "Northgate Mill Ltd", "Salary", 318_400),
    (26, "Quay Street Lettings", "Rent", -112_500),
    (24, "Corner Grocer", "Card payment", -4_386),
    (22, "Tidal Energy", "Direct debit", -8_640),
    (19, "The Lamp Room", "Card payment", -2_750),
    (16, "City Tram", "Card payment", -1_480),
    (13, "Corner Grocer", "Card payment", -5_217),
    (9, "Foxglove Books", "Card payment", -3_195),
    (6, "Harbour Swim Club", "Standing order", -2_900),
    (4, "Foxglove Books", "Refund", 1_895),
    (3, "Corner Grocer", "Card payment", -3_864),
    (1, "City Tram", "Card payment", -1_120),
)
_MONTH_DAYS = 30


def seed_movements(customer_id: str) -> list[tuple[int, str, str, int]]:
    """Return (days ago, party, note, pence) of a demo customer, oldest first."""
    rank = [row.id for row in CUSTOMERS].index(customer_id)
    rows = [(95, "Opening balance", "Brought forward", CUSTOMERS[rank].opening)]
    for month in (2, 1, 0):
        for line, (ago, party, note, pence) in enumerate(_MONTH):
            # Nobody's groceries cost the same twice, and no two customers shop alike.
            varied = pence if abs(pence) > 100_000 else pence - (37 * (line + 3 * month + 5 * rank)) % 900
            rows.append((ago + month * _MONTH_DAYS, party, note, varied))
    return rows
