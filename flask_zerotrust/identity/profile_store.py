"""Movement profiles in the store: one encrypted row a user, erased on demand."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flask_zerotrust import identity
from flask_zerotrust.errors import ConfigError, StoreError
from flask_zerotrust.identity.learning import DAY_STROKES, READY_STROKES
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores.base import Rekeyed, Store, rekey, update

_PURPOSE = "movement-profile"
_DAY_S = 86_400.0
# That somebody wants no profile has no end, a store row must have one: a century.
_FOREVER_S = 100 * 365.25 * _DAY_S


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a user's profile is.

    Attributes
    ----------
    strokes, needed : int
        Strokes learnt, and how many it takes until new movement is compared with them.
    ready : bool
    instruments : int
        Mice and screens that the profile knows.
    updated : float or None
        Wall-clock seconds of the newest stroke. None where nothing was learnt.
    stopped : bool
        The user has opted out: nothing is learnt or compared until ``resume_profile``.
    """

    strokes: int = 0
    needed: int = READY_STROKES
    ready: bool = False
    instruments: int = 0
    updated: float | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A user's row as one read found it. ``raw`` is None where there is none."""

    user: str
    raw: bytes | None = None
    profile: identity.Profile | None = None
    stopped: bool = False


class _NotLearnt(Exception):
    """The day's quota is used up, or the profile was forgotten or stopped meanwhile."""


class Profiles:
    """Profiles by user, over a store.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    keep_s : float
        How long a profile is kept after it has last learnt something.
    """

    def __init__(self, store: Store, keys: KeyRing, *, keep_s: float) -> None:
        self._store = store
        self._keys = keys
        self._keep_s = keep_s

    def load(self, user: str) -> Held:
        """Return the user's row, by one read.

        Raises
        ------
        StoreError
            Also where the row cannot be decrypted, or is of another version.
        """
        return self._open(user, self._store.get(_key(user)))

    def learn(
        self, held: Held, habits: NDArray[np.float64], *, now: float, background: identity.Background
    ) -> bool:
        """Teach the profile that was read some strokes. Say whether anything was learnt.

        Strokes of other requests since then are kept. A profile that was stopped or forgotten since
        stays so: movement on its way in does not bring it back.
        """

        def step(raw: bytes | None) -> bytes:
            before = held if raw == held.raw else self._open(held.user, raw)
            if before.stopped or (raw is None and held.raw is not None):
                raise _NotLearnt
            after = identity.learn(before.profile, habits, now=now, background=background)
            if before.profile is not None and after.strokes == before.profile.strokes:
                raise _NotLearnt
            return self._closed(replace(before, profile=after))

        key, owner, life_s = _key(held.user), _owner(held.user), self._keep_s
        try:
            # Nearly always nobody else has written since, and the row need not be read again.
            if not self._store.swap(key, old=held.raw, new=step(held.raw), ttl_s=life_s, owner=owner):
                update(self._store, key, step, ttl_s=life_s, owner=owner)
        except _NotLearnt:
            return False
        return True

    def progress(self, user: str) -> Progress:
        """Return how far the user's profile is."""
        held = self.load(user)
        profile = held.profile
        if profile is None:
            return Progress(stopped=held.stopped)
        return Progress(
            strokes=profile.strokes,
            ready=identity.ready(profile),
            instruments=len(profile.instruments),
            updated=profile.updated_at,
        )

    def export(self, user: str) -> dict[str, Any]:
        """Return all that is kept of the user's movement, as JSON."""
        held = self.load(user)
        stored = None if held.profile is None else held.profile.to_dict()
        return {"user": user, "stopped": held.stopped, "profile": stored}

    def forget(self, user: str) -> None:
        """Erase the profile, also from the store's files. An opt-out stays."""
        if self._has_stopped(user):
            self._store.erase()
        else:
            self._store.erase(_key(user))

    def stop(self, user: str) -> None:
        """Erase the profile and keep nothing but that the user wants none."""
        row = self._closed(Held(user, stopped=True))
        self._store.put(_key(user), row, ttl_s=_FOREVER_S, owner=_owner(user))
        self._store.erase()

    def resume(self, user: str) -> None:
        """Take an opt-out back. Nothing happens where there is none."""
        if self._has_stopped(user):
            self._store.delete(_key(user))

    def rollback(self, user: str) -> Progress:
        """Bring the profile back to where it was before its last day of learning (UTC).

        Nothing more is learnt on that day.

        Raises
        ------
        ConfigError
            Where there is no profile.
        """

        def step(raw: bytes | None) -> bytes:
            held = self._open(user, raw)
            if held.profile is None:
                raise ConfigError(f"There is no movement profile of user {user!r} to roll back.")
            # Whoever taught it wrong may still be at it: nothing more on that day.
            before = replace(held.profile.rolled_back(), learnt_today=DAY_STROKES)
            return self._closed(replace(held, profile=before))

        update(self._store, _key(user), step, ttl_s=self._keep_s, owner=_owner(user))
        # The part that was rolled back is personal data too, and probably another person's.
        self._store.erase()
        return self.progress(user)

    def rekey(self, *, now: float) -> Rekeyed:
        """Encrypt every row again that is not under the newest key. None is kept longer for it."""

        def again(user: str, raw: bytes) -> None:
            held = self._open(user, raw)
            left_s = _FOREVER_S
            if held.profile is not None:
                left_s = max(1.0, held.profile.updated_at + self._keep_s - now)
            # Whoever wrote the row meanwhile has used the newest key.
            self._store.swap(_key(user), old=raw, new=self._closed(held), ttl_s=left_s, owner=_owner(user))

        return rekey(
            self._store,
            _key(""),
            is_newest=lambda raw: self._keys.is_newest(_PURPOSE, raw),
            read=self._open,
            again=again,
        )

    def _has_stopped(self, user: str) -> bool:
        """Say whether the row is an opt-out. One that cannot be read is not, so that it can be erased."""
        raw = self._store.get(_key(user))
        try:
            return self._open(user, raw).stopped
        except StoreError:
            return False

    def _closed(self, held: Held) -> bytes:
        head = json.dumps({"user": held.user, "stopped": held.stopped}).encode()
        body = b"" if held.profile is None else held.profile.to_bytes()
        return self._keys.encrypt(_PURPOSE, head + b"\n" + body)

    def _open(self, user: str, raw: bytes | None) -> Held:
        if raw is None:
            return Held(user)
        head, _, body = self._keys.decrypt(_PURPOSE, raw).partition(b"\n")
        data = json.loads(head)
        if data["user"] != user:
            raise StoreError("A movement profile was found under another user's key. Restore the store.")
        profile = identity.Profile.from_bytes(body) if body else None
        return Held(user, raw, profile, data["stopped"])


def _key(user: str) -> str:
    return "profile:" + user


def _owner(user: str) -> str:
    return "user:" + user
