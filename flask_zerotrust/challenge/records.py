"""How the parts of challenges are kept in the store. The personal ones encrypted."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from flask_zerotrust import config
from flask_zerotrust.errors import ChallengeError, StoreError
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores.base import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Kept:
    """One part of the challenges of one app, all in the store, where no client can rewind it.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    """

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys


class Sealed(Kept):
    """Records of one kind, encrypted, each kept for as long as a challenge.

    Attributes
    ----------
    purpose : str
        Names the key: a record of one kind cannot be passed off as one of another.
    """

    purpose: ClassVar[str]

    def _put(self, key: str, record: DataclassInstance, *, user: str) -> None:
        """Keep a record. It is erased with its user."""
        life_s = config.CHALLENGE_S
        self._store.put(key, self._sealed(record), ttl_s=life_s, owner=owner_of(user))

    def _sealed(self, record: DataclassInstance) -> bytes:
        return self._keys.encrypt(self.purpose, json.dumps(record, default=_members_of).encode())

    def _members(self, raw: bytes | None) -> dict[str, Any]:
        """Return the members of a record, or raise ChallengeError ``gone``."""
        if raw is None:
            raise ChallengeError("gone")
        try:
            members: dict[str, Any] = json.loads(self._keys.decrypt(self.purpose, raw))
        except StoreError as error:  # SECRET_KEY was replaced: the person can simply start again
            raise ChallengeError("gone") from error
        return members


def pool_of(known: bool) -> str:
    """Name the counters of browsers that are known to the user, or those of all other browsers.

    They are apart, so that wrong codes and messages from elsewhere hold up nobody in a known browser.
    """
    return "known" if known else "other"


def owner_of(user: str) -> str:
    """Return the name under which the store erases the rows of a user."""
    return "user:" + user


def _members_of(record: DataclassInstance) -> dict[str, Any]:
    return {member.name: getattr(record, member.name) for member in fields(record)}
