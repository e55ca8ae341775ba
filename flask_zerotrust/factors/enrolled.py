"""The extension's own factor store: enrolled factors, encrypted at rest."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import secrets
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from flask_zerotrust.errors import ChallengeError, ConfigError, StoreError, ZeroTrustError
from flask_zerotrust.factors import enrolled_rows, history, recovery, webauthn
from flask_zerotrust.factors.base import Factor, Mailer, Sender, Verifier
from flask_zerotrust.factors.email import canonical_address
from flask_zerotrust.factors.enrolled_rows import Changes, Means
from flask_zerotrust.factors.history import FactorDates, History
from flask_zerotrust.factors.phone_numbers import canonical_number
from flask_zerotrust.factors.totp import NEW_SECRET_BITS, TotpFactor
from flask_zerotrust.factors.webauthn import Credential, RelyingParty, WebAuthnFactor
from flask_zerotrust.i18n import N_
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores.base import Rekeyed, Store, rekey, update

# A store row must have an end. An enrolled factor has none, so its end is a century away.
_FOREVER_S = 100 * 365.25 * 86_400
# Nobody needs more, and the list is read at every challenge.
MAX_FACTORS = 10
# Characters of a name that a person gives a factor: one line on a narrow screen, or two.
MAX_LABEL = 60

_PURPOSE = "enrolled-factors"
_Row = dict[str, Any]
# "user", "factors" (rows), "made" (how many ids of each kind were ever given out) and "history" (dates).
_Record = dict[str, Any]


class NoRoomError(ConfigError):
    """The user has as many factors as there may be."""


class NotFirstError(ZeroTrustError):
    """A first factor was to be added, and the user has had one."""


class Enrolled:
    """Factors by user, one encrypted record each.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    clock : callable
        Wall-clock seconds, for the dates of factors.
    """

    def __init__(self, store: Store, keys: KeyRing, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    def factors(
        self,
        user: str,
        *,
        sender: Sender | Verifier | None = None,
        mailer: Mailer | None = None,
        party: RelyingParty | None = None,
    ) -> list[Factor]:
        """Return the user's factors, in the order in which they were added, recovery codes last.

        Left out are numbers and addresses where nothing reaches them, passkeys without a ``party``, and,
        with a warning in the log, kinds that this version does not know: a newer one may have enrolled it.
        """
        means = Means(sender, mailer, party)
        stored = self._kept(user)["factors"]
        made = [enrolled_rows.made(row, means, self._changes(user, row["id"])) for row in stored]
        result = [factor for factor in made if factor is not None]
        keys = [factor.credential for factor in result if isinstance(factor, WebAuthnFactor)]
        result = [_with_siblings(factor, keys) for factor in result]
        return sorted(result, key=lambda factor: factor.kind == recovery.KIND)

    def count(self, user: str) -> int:
        """Return how many factors are kept for the user, also those that :meth:`factors` leaves out."""
        return len(self._kept(user)["factors"])

    def had(self, user: str) -> bool:
        """Return whether the user ever had a factor, here or with the app."""
        return _had(self._kept(user))

    def note_had(self, user: str) -> None:
        """Keep that the user has a factor with the app, for when the app cannot tell any more."""
        if not self.had(user):
            self._change(user, lambda record: {**record, "had": True})

    def reset(self, user: str) -> None:
        """Remove the user's factors and forget that there were any. Their ids are not given out again."""

        def reset(record: _Record) -> _Record:
            return {**self._without(record, [row["id"] for row in record["factors"]]), "had": False}

        self._change(user, reset)

    def add_totp(
        self,
        user: str,
        secret: str,
        label: str = N_("Authenticator app"),
        *,
        avoid: Collection[str] = (),
        first: bool = False,
    ) -> str:
        """Add an authenticator app whose secret the person has shown to share. Return the factor's id.

        ``avoid`` holds the ids of factors that the app itself keeps for this person. ``first`` says that
        the user may add it only as one who never had a factor.

        Raises
        ------
        NotFirstError
            If ``first`` is set and the user has had a factor, also if two are added at once.
        """
        factor = TotpFactor(secret)
        if factor.secret_bits < NEW_SECRET_BITS:
            raise ConfigError(f"A new TOTP secret has {NEW_SECRET_BITS} bits at least. Use new_secret().")
        members = {"secret": factor.secret, "label": label}
        return self._add(user, "totp", members, avoid, first=first)

    def add_sms(
        self,
        user: str,
        number: str,
        label: str | None = None,
        *,
        avoid: Collection[str] = (),
        first: bool = False,
    ) -> str:
        """Add a number that the app has verified to be this person's. Return the factor's id.

        ``first`` is as for :meth:`add_totp`.
        """
        members = {"number": canonical_number(number), "label": label}
        return self._add(user, "sms", members, avoid, first=first)

    def add_email(
        self,
        user: str,
        address: str,
        label: str | None = None,
        *,
        avoid: Collection[str] = (),
        first: bool = False,
    ) -> str:
        """Add an address that the app has verified to be this person's. Return the factor's id.

        ``first`` is as for :meth:`add_totp`.
        """
        members = {"address": canonical_address(address), "label": label}
        return self._add(user, "email", members, avoid, first=first)

    def add_passkey(
        self,
        user: str,
        key: Credential,
        label: str = N_("Passkey"),
        *,
        avoid: Collection[str] = (),
        first: bool = False,
    ) -> str:
        """Add a passkey or security key that has just been made. Return the factor's id.

        ``first`` is as for :meth:`add_totp`.

        Raises
        ------
        ChallengeError
            ``known`` where it is there already.
        """
        if any(passkey.id == key.id for passkey in self.passkeys(user)):
            raise ChallengeError("known")
        members = {**enrolled_rows.members(key), "label": label}
        return self._add(user, webauthn.KIND, members, avoid, first=first)

    def passkeys(self, user: str) -> list[Credential]:
        """Return the user's passkeys and security keys."""
        return [
            enrolled_rows.credential(row)
            for row in self._kept(user)["factors"]
            if row["kind"] == webauthn.KIND
        ]

    def handle(self, user: str) -> bytes:
        """Return the random bytes by which authenticators know this user, the same from now on."""
        fresh = secrets.token_hex(32)
        return bytes.fromhex(
            self._change(user, lambda record: {**record, "handle": record.get("handle", fresh)})["handle"]
        )

    def make_recovery(self, user: str, *, avoid: Collection[str] = ()) -> tuple[str, ...]:
        """Return new recovery codes, to be shown once: only digests are kept. The former list is void.

        ``avoid`` is as for :meth:`add_totp`. The app makes sure that the person has used a factor.
        """
        new = recovery.new_list(user)
        members = {"label": N_("Recovery code"), "key": new.key, "digests": list(new.digests)}

        def replace(record: _Record) -> _Record:
            former = [row["id"] for row in record["factors"] if row["kind"] == recovery.KIND]
            return self._added(self._without(record, former), recovery.KIND, members, avoid)

        self._change(user, replace)
        return new.codes

    def recovery_left(self, user: str) -> int:
        """Return how many recovery codes the user has not used yet."""
        return sum(
            len(row["digests"]) for row in self._kept(user)["factors"] if row["kind"] == recovery.KIND
        )

    def ids(self, user: str) -> list[str]:
        """Return the ids of factors that are kept here, also those that :meth:`factors` leaves out."""
        return list(self.kinds(user))

    def kinds(self, user: str) -> dict[str, str]:
        """Return the kind of each factor that is kept here, by its id."""
        return {row["id"]: row["kind"] for row in self._kept(user)["factors"]}

    def rename(self, user: str, id: str, label: str) -> None:
        """Give a factor the name that its person reads. Nothing happens when there is none of this id.

        Raises
        ------
        ChallengeError
            ``label`` for anything but one line of 1 to 60 characters.
        """
        words = " ".join(label.split())
        if not 1 <= len(words) <= MAX_LABEL or not words.isprintable():
            raise ChallengeError("label")

        def rename(record: _Record) -> _Record:
            stored = [{**row, "label": words} if row["id"] == id else row for row in record["factors"]]
            return {**record, "factors": stored}

        self._change(user, rename)

    def remove(self, user: str, id: str, *, spare: Collection[str] | None = None) -> None:
        """Remove a factor. Nothing happens when there is none of this id, which is not given out again.

        ``spare`` holds the ids of factors of which one at least has to stay, None where none has to.

        Raises
        ------
        ChallengeError
            ``last_factor`` where none of them would, also when two are removed at once.
        """

        def remove(record: _Record) -> _Record:
            record = self._without(record, [id])
            if spare is not None and not any(row["id"] in spare for row in record["factors"]):
                raise ChallengeError("last_factor")
            return record

        self._change(user, remove)

    def note_use(self, user: str, id: str, kind: str) -> None:
        """Note that a factor has passed a challenge now, also one of the app's own."""
        self._change(user, lambda record: self._dated(record, history.used, id, kind))

    def history(self, user: str) -> list[FactorDates]:
        """Return the dates of the user's factors, also of those that were removed, the oldest first."""
        return list(_history(self._kept(user)))

    def rekey(self) -> Rekeyed:
        """Encrypt every record again that is not under the newest key. The rest stays as it is."""
        return rekey(
            self._store,
            _key(""),
            is_newest=lambda raw: self._keys.is_newest(_PURPOSE, raw),
            read=self._read,
            again=lambda user, _: self._change(user, lambda record: record),
        )

    def _add(self, user: str, kind: str, members: _Row, avoid: Collection[str], *, first: bool) -> str:
        def add(record: _Record) -> _Record:
            if first and _had(record):
                raise NotFirstError("The user has had a factor: adding another takes one.")
            if len(record["factors"]) >= MAX_FACTORS:
                raise NoRoomError(f"A user can enrol {MAX_FACTORS} factors at most. Remove one first.")
            return self._added(record, kind, members, avoid)

        return str(self._change(user, add)["factors"][-1]["id"])

    def _added(self, record: _Record, kind: str, members: _Row, avoid: Collection[str]) -> _Record:
        stored = record["factors"]
        taken = {*avoid, *(row["id"] for row in stored)}
        number, id = _new_id(kind, record["made"].get(kind, 0), taken)
        stored = [*stored, {"id": id, "kind": kind, **members}]
        record = {**record, "factors": stored, "had": True, "made": {**record["made"], kind: number}}
        return self._dated(record, history.added, id, kind)

    def _without(self, record: _Record, ids: Collection[str]) -> _Record:
        """Return a record without some of its factors."""
        stored = [row for row in record["factors"] if row["id"] not in ids]
        for id in ids:
            record = self._dated(record, history.removed, id)
        return {**record, "factors": stored}

    def _dated(self, record: _Record, change: Callable[..., History], *of: str) -> _Record:
        """Return a record after a change of its dates."""
        dates = change(_history(record), *of, now=self._clock())
        return {**record, "history": [date.dump() for date in dates]}

    def _changes(self, user: str, id: str) -> Changes:
        return Changes(
            take=functools.partial(self._take, user, id), counted=functools.partial(self._counted, user, id)
        )

    def _counted(self, user: str, id: str, count: int) -> bool:
        """Move a passkey's counter on. False where it would not go up, unless it never counts."""

        def move(record: _Record) -> _Record:
            stored = {row["id"]: row for row in record["factors"]}
            before = stored[id]["count"] if id in stored else None
            if before is None or (count <= before and (count, before) != (0, 0)):
                raise _NotOnListError
            stored[id] = {**stored[id], "count": count}
            return {**record, "factors": list(stored.values())}

        try:
            self._change(user, move)
        except _NotOnListError:
            return False
        return True

    def _take(self, user: str, id: str, code: str) -> str | None:
        """Strike a recovery code off its list and return its use. None where another was faster."""
        digest: str | None = None

        def strike(record: _Record) -> _Record:
            nonlocal digest
            stored = {row["id"]: row for row in record["factors"]}
            row = stored.get(id, {"digests": [], "key": "gone"})
            digest = recovery.found(row["digests"], key=row["key"], user=user, code=code)
            if digest is None:
                raise _NotOnListError
            stored[id] = {**row, "digests": [item for item in row["digests"] if item != digest]}
            return {**record, "factors": list(stored.values())}

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
            return self._keys.encrypt(_PURPOSE, json.dumps(record).encode())

        return self._read(
            user, update(self._store, _key(user), step, ttl_s=_FOREVER_S, owner=f"user:{user}")
        )

    def _read(self, user: str, raw: bytes | None) -> _Record:
        if raw is None:
            return {"user": user, "factors": [], "made": {}}
        record: _Record = json.loads(self._keys.decrypt(_PURPOSE, raw))
        if record["user"] != user:
            raise StoreError("Enrolled factors were found under another user's key. Restore the store.")
        return {"made": {}, **record}


class _NotOnListError(Exception):
    """Leaves a record as it is: there is nothing to strike off, or to count on from."""


def _key(user: str) -> str:
    return f"factors:{user}"


def _history(record: _Record) -> History:
    return tuple(FactorDates(**row) for row in record.get("history", ()))


def _had(record: _Record) -> bool:
    return bool(record.get("had", record["made"] or record["factors"]))


def _new_id(kind: str, last: int, taken: set[str]) -> tuple[int, str]:
    """Return the next number of a kind and its name: one that no factor has or, since ``last``, had.

    Codes, failures and pauses go by the id, and a new factor must not inherit them.
    """
    names = ((n, kind if n == 1 else f"{kind}-{n}") for n in itertools.count(last + 1))
    return next((number, name) for number, name in names if name not in taken)


def _with_siblings(factor: Factor, keys: Sequence[Credential]) -> Factor:
    """Return a passkey that knows the user's other keys. Any other factor as it is."""
    if not isinstance(factor, WebAuthnFactor):
        return factor
    return dataclasses.replace(
        factor, siblings=tuple(key for key in keys if key.id != factor.credential.id)
    )
