"""Adding a number or an address: it waits here until a code that was sent to it came back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from ..config import Settings
from ..errors import ChallengeError, StoreError
from ..keys import KeyRing
from ..stores.base import Store

_PURPOSE = "adding-contact"


@dataclass(frozen=True, slots=True)
class Contact:
    """A number or an address on its way, and the challenge whose codes go to it.

    Attributes
    ----------
    kind : {"sms", "email"}
    recipient : str
        As the factor writes it.
    challenge_id : str
        Codes, tries and budgets are those of a challenge; no grant comes of it.
    """

    user: str
    kind: str
    recipient: str = field(repr=False)
    challenge_id: str
    at: float


class Contacts:
    """Contacts being added, one a session and kind, encrypted.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    settings : Settings
    """

    def __init__(self, store: Store, keys: KeyRing, settings: Settings) -> None:
        self._store = store
        self._keys = keys
        self._life_s = settings.challenge_s

    def put(self, contact: Contact, session_id: str) -> None:
        """Keep a contact; the session's one before of this kind is forgotten."""
        sealed = self._keys.encrypt(_PURPOSE, json.dumps(asdict(contact)).encode()).encode()
        key = _key(session_id, contact.user, contact.kind)
        self._store.put(key, sealed, ttl_s=self._life_s, owner="user:" + contact.user)

    def get(self, user: str, session_id: str, kind: str, *, now: float) -> Contact:
        """Return the contact that this session is adding, or raise ChallengeError ``gone``."""
        raw = self._store.get(_key(session_id, user, kind))
        if raw is None:
            raise ChallengeError("gone")
        try:
            contact = Contact(**json.loads(self._keys.decrypt(_PURPOSE, raw.decode())))
        except StoreError as error:  # SECRET_KEY was replaced: adding simply starts again
            raise ChallengeError("gone") from error
        if (contact.user, contact.kind) != (user, kind) or now - contact.at >= self._life_s:
            raise ChallengeError("gone")
        return contact

    def forget(self, user: str, session_id: str, kind: str) -> None:
        """Forget a contact: it was added, or given up."""
        self._store.delete(_key(session_id, user, kind))


def _key(session_id: str, user: str, kind: str) -> str:
    return f"adding:{kind}:{session_id}:{user}"
