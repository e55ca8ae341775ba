"""The extension's own factor store: what people enrolled, encrypted at rest."""

from __future__ import annotations

import functools
import itertools
import json
import logging
from collections.abc import Callable, Collection
from typing import Any

from ..errors import ConfigError, StoreError
from ..keys import KeyRing
from ..stores.base import Rekeyed, Store, rekey, update
from ..texts import N_
from . import recovery
from .base import Factor, Sender
from .recovery import RecoveryFactor
from .sms import SmsFactor, canonical_number
from .totp import TotpFactor

# A store row must have an end; an enrolled factor has none, so its end is a century away.
_FOREVER_S = 100 * 365.25 * 86_400
# Nobody needs more, and the list is read at every challenge.
MAX_FACTORS = 10

_PURPOSE = "enrolled-factors"
_Row = dict[str, Any]
# "user", "factors" (rows) and "made" (how many ids of each kind were ever given out).
_Record = dict[str, Any]

log = logging.getLogger("flask_zerotrust")


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
        """Return the user's factors, in the order in which they were added, recovery codes last.

        Numbers are left out when there is no sender to reach them with, and so is, with a warning in
        the log, what this version does not know: a newer one may have enrolled it.
        """
        made = [self._factor(user, row, sender) for row in self._kept(user)["factors"]]
        found = [factor for factor in made if factor is not None]
        return sorted(found, key=lambda factor: factor.kind == recovery.KIND)

    def count(self, user: str) -> int:
        """Return how many factors are kept for the user, also those that :meth:`factors` leaves out."""
        return len(self._kept(user)["factors"])

    def add_totp(
        self, user: str, secret: str, label: str = N_("Authenticator app"), *, avoid: Collection[str] = ()
    ) -> str:
        """Add an authenticator app whose secret the person has shown to share; return the factor's id.

        ``avoid`` holds the ids of factors that the app itself keeps for this person.
        """
        return self._add(user, "totp", {"secret": TotpFactor(secret).secret, "label": label}, avoid)

    def add_sms(self, user: str, number: str, label: str | None = None) -> str:
        """Add a number that the app has verified to be this person's; return the factor's id."""
        return self._add(user, "sms", {"number": canonical_number(number), "label": label})

    def make_recovery(self, user: str, *, avoid: Collection[str] = ()) -> tuple[str, ...]:
        """Return new recovery codes, to be shown once: only digests are kept. The former list is void.

        ``avoid`` is as for :meth:`add_totp`. The app makes sure that the person has used a factor.
        """
        new = recovery.new_list(user)
        members = {"label": N_("Recovery code"), "key": new.key, "digests": list(new.digests)}

        def replace(record: _Record) -> _Record:
            rows = [row for row in record["factors"] if row["kind"] != recovery.KIND]
            return _added({**record, "factors": rows}, recovery.KIND, members, avoid)

        self._change(user, replace)
        return new.codes

    def recovery_left(self, user: str) -> int:
        """Return how many recovery codes the user has not used yet."""
        return sum(
            len(row["digests"]) for row in self._kept(user)["factors"] if row["kind"] == recovery.KIND
        )

    def remove(self, user: str, id: str) -> None:
        """Remove a factor; nothing happens when there is none of this id, which is not given out again."""

        def remove(record: _Record) -> _Record:
            return {**record, "factors": [row for row in record["factors"] if row["id"] != id]}

        self._change(user, remove)

    def rekey(self) -> Rekeyed:
        """Encrypt every record anew that is not under the newest key; the rest stays as it is."""
        return rekey(
            self._store,
            _key(""),
            is_newest=lambda raw: self._keys.is_newest(_PURPOSE, raw),
            read=self._read,
            again=lambda user, _: self._change(user, lambda record: record),
        )

    def _add(self, user: str, kind: str, members: _Row, avoid: Collection[str] = ()) -> str:
        def add(record: _Record) -> _Record:
            if len(record["factors"]) >= MAX_FACTORS:
                raise ConfigError(f"A user can enrol {MAX_FACTORS} factors at most. Remove one first.")
            return _added(record, kind, members, avoid)

        return str(self._change(user, add)["factors"][-1]["id"])

    def _factor(self, user: str, row: _Row, sender: Sender | None) -> Factor | None:
        if row["kind"] == "totp":
            return TotpFactor(row["secret"], id=row["id"], label=row["label"])
        if row["kind"] == recovery.KIND:
            take = functools.partial(self._take, user, row["id"])
            return RecoveryFactor(take, id=row["id"], label=row["label"]) if row["digests"] else None
        if row["kind"] != "sms":
            log.warning("an enrolled factor of the unknown kind %r is left out", row["kind"])
            return None
        if sender is None:
            return None
        return SmsFactor(row["number"], sender, id=row["id"], label=row["label"])

    def _take(self, user: str, id: str, code: str) -> str | None:
        """Strike a recovery code off its list and return its use; None where another was faster."""
        digest: str | None = None

        def strike(record: _Record) -> _Record:
            nonlocal digest
            rows = {row["id"]: row for row in record["factors"]}
            row = rows.get(id, {"digests": [], "key": "gone"})
            digest = recovery.found(row["digests"], key=row["key"], user=user, code=code)
            if digest is None:
                raise _NotOnListError
            rows[id] = {**row, "digests": [one for one in row["digests"] if one != digest]}
            return {**record, "factors": list(rows.values())}

        try:
            self._change(user, strike)
        except _NotOnListError:
            return None
        return digest

    def _kept(self, user: str) -> _Record:
        return self._read(user, self._store.get(_key(user)))

    def _change(self, user: str, change: Callable[[_Record], _Record]) -> _Record:
        def step(raw: bytes | None) -> bytes:
            record = change(self._read(user, raw))
            return self._keys.encrypt(_PURPOSE, json.dumps(record).encode()).encode()

        return self._read(
            user, update(self._store, _key(user), step, ttl_s=_FOREVER_S, owner=f"user:{user}")
        )

    def _read(self, user: str, raw: bytes | None) -> _Record:
        if raw is None:
            return {"user": user, "factors": [], "made": {}}
        record: _Record = json.loads(self._keys.decrypt(_PURPOSE, raw.decode()))
        if record["user"] != user:
            raise StoreError("Enrolled factors were found under another user's key. Restore the store.")
        return {"made": {}, **record}


class _NotOnListError(Exception):
    """Leaves a record as it is: there is nothing to strike off."""


def _key(user: str) -> str:
    return f"factors:{user}"


def _added(record: _Record, kind: str, members: _Row, avoid: Collection[str]) -> _Record:
    rows = record["factors"]
    taken = {*avoid, *(row["id"] for row in rows)}
    number, id = _new_id(kind, record["made"].get(kind, 0), taken)
    rows = [*rows, {"id": id, "kind": kind, **members}]
    return {**record, "factors": rows, "made": {**record["made"], kind: number}}


def _new_id(kind: str, last: int, taken: set[str]) -> tuple[int, str]:
    """Return the next number of a kind and its name: one that no factor has or, since ``last``, had.

    Codes, failures and pauses go by the id, and a new factor must not inherit them.
    """
    names = ((n, kind if n == 1 else f"{kind}-{n}") for n in itertools.count(last + 1))
    return next((number, name) for number, name in names if name not in taken)
