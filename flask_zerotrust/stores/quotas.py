"""Bounds of the rows that one user, or one address network, keeps."""

from __future__ import annotations

import ipaddress
import json
from collections import Counter
from collections.abc import Sequence

from flask_zerotrust.stores.base import Store, reading, update


def enlist(
    store: Store,
    roster: str,
    row: str,
    *,
    place: str = "",
    instead_of: str | None = None,
    most: int,
    ttl_s: float,
    owner: str | None = None,
) -> list[str]:
    """Add a row to a roster and return the rows that no longer fit.

    The oldest row of the place with most rows goes first. A flood from one network drops its own rows, and
    those of the user elsewhere stay.

    Parameters
    ----------
    store : Store
    roster : str
        Key of the list.
    row : str
        Id of the new row.
    place : str
        Where the row was made, such as a digest of an address network.
    instead_of : str, optional
        Id of a row that the new one replaces.
    most : int
        Rows of the roster.
    ttl_s : float
        How long the rows are kept.
    owner : str, optional
        Who the rows are about.

    Raises
    ------
    StoreError
    """
    dropped: list[str] = []

    def step(raw: bytes | None) -> bytes:
        with reading(roster):
            before = [(str(item), str(its_place)) for item, its_place in json.loads(raw or b"[]")]
        listed = [item for item in before if item[0] not in (row, instead_of)]
        listed.append((row, place))
        dropped.clear()
        while len(listed) > most:
            dropped.append(listed.pop(_surplus(listed))[0])
        return json.dumps(listed, separators=(",", ":")).encode()

    update(store, roster, step, ttl_s=ttl_s, owner=owner)
    return dropped


def _surplus(listed: Sequence[Sequence[str]]) -> int:
    """Return which row goes: the oldest of the place with most rows."""
    rows = Counter(place for _, place in listed)
    most = max(rows.values())
    return next(i for i, (_, place) in enumerate(listed) if rows[place] == most)


def network(address: str) -> str:
    """Return the network of one customer: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket, or a proxy's name for its client
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
