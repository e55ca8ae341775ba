"""The extension's own factor store: what people enrolled, encrypted at rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any

from ..errors import ConfigError, StoreError
from ..keys import KeyRing, Rekeyed
from ..stores.base import Store, update
from .base import Factor, Sender
from .sms import SmsFactor, canonical_number
from .totp import TotpFactor

# A store row must have an end; an enrolled factor has none, so its end is a century away.
_FOREVER_S = 100 * 365.25 * 86_400
# Nobody needs more, and the list is read at every challenge.
MAX_FACTORS = 10

_PURPOSE = "enrolled-factors"
_Row = dict[str, Any]


class Enrolled:
    """Factors by user, one encrypted record each.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    """

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    def factors(self, user: str, *, sender: Sender | None = None) -> list[Factor]:
        """Return the user's factors, in the order in which they were added.

        Numbers are left out when there is no sender to reach them with.
        """
        made = [_factor(row, sender) for row in self._read(user, self._store.get(_key(user)))]
        return [factor for factor in made if factor is not None]

    def add_totp(
        self, user: str, secret: str, label: str = "Authenticator app", *, avoid: Collection[str] = ()
    ) -> str:
        """Add an authenticator app whose secret the person has shown to share; return the factor's id.

        ``avoid`` holds the ids of factors that the app itself keeps for this person.
        """
        return self._add(user, "totp", {"secret": TotpFactor(secret).secret, "label": label}, avoid)

    def add_sms(self, user: str, number: str, label: str | None = None) -> str:
        """Add a number that the app has verified to be this person's; return the factor's id."""
        return self._add(user, "sms", {"number": canonical_number(number), "label": label})

    def remove(self, user: str, id: str) -> None:
        """Remove a factor; nothing happens when there is none of this id."""
        self._change(user, lambda rows: [row for row in rows if row["id"] != id])

    def rekey(self) -> Rekeyed:
        """Encrypt every record anew that is not under the newest key; the rest stays as it is."""
        done = current = 0
        unreadable = []
        for key in self._store.keys(_key("")):
            user, raw = key.removeprefix(_key("")), self._store.get(key)
            if raw is None:
                continue
            if self._keys.is_newest(_PURPOSE, raw.decode()):
                current += 1
                continue
            try:
                self._read(user, raw)
            except StoreError:
                unreadable.append(user)
                continue
            self._change(user, lambda rows: rows)
            done += 1
        return Rekeyed(done, current, tuple(unreadable))

    def _add(self, user: str, kind: str, members: _Row, avoid: Collection[str] = ()) -> str:
        def add(rows: list[_Row]) -> list[_Row]:
            if len(rows) >= MAX_FACTORS:
                raise ConfigError(f"A user can enrol {MAX_FACTORS} factors at most. Remove one first.")
            taken = {*avoid, *(row["id"] for row in rows)}
            return [*rows, {"id": _free_id(kind, taken), "kind": kind, **members}]

        return str(self._change(user, add)[-1]["id"])

    def _change(self, user: str, change: Callable[[list[_Row]], list[_Row]]) -> list[_Row]:
        def step(raw: bytes | None) -> bytes:
            record = {"user": user, "factors": change(self._read(user, raw))}
            return self._keys.encrypt(_PURPOSE, json.dumps(record).encode()).encode()

        return self._read(
            user, update(self._store, _key(user), step, ttl_s=_FOREVER_S, owner=f"user:{user}")
        )

    def _read(self, user: str, raw: bytes | None) -> list[_Row]:
        if raw is None:
            return []
        record = json.loads(self._keys.decrypt(_PURPOSE, raw.decode()))
        if record["user"] != user:
            raise StoreError("Enrolled factors were found under another user's key. Restore the store.")
        rows: list[_Row] = record["factors"]
        return rows


def _key(user: str) -> str:
    return f"factors:{user}"


def _free_id(kind: str, taken: set[str]) -> str:
    names = [kind, *(f"{kind}-{n}" for n in range(2, len(taken) + 2))]
    return next(name for name in names if name not in taken)


def _factor(row: _Row, sender: Sender | None) -> Factor | None:
    if row["kind"] == "totp":
        return TotpFactor(row["secret"], id=row["id"], label=row["label"])
    if sender is None:
        return None
    return SmsFactor(row["number"], sender, id=row["id"], label=row["label"])
