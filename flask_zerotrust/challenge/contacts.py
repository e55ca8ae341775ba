"""Adding a number or an address: it waits here until a code that was sent to it came back."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask_zerotrust import config
from flask_zerotrust.challenge.records import Sealed
from flask_zerotrust.errors import ChallengeError


@dataclass(frozen=True, slots=True)
class Contact:
    """A number or an address on its way, and the challenge whose codes go to it.

    Attributes
    ----------
    kind : {"sms", "email"}
    recipient : str
        As the factor writes it.
    challenge_id : str
        Codes, tries and budgets are those of a challenge. No grant comes of it.
    """

    user: str
    kind: str
    recipient: str = field(repr=False)
    challenge_id: str
    at: float


class Contacts(Sealed):
    """Contacts being added, one a session and kind."""

    purpose = "adding-contact"

    def put(self, contact: Contact, session_id: str) -> None:
        """Keep a contact. The session's one before of this kind is forgotten."""
        self._put(_key(session_id, contact.user, contact.kind), contact, user=contact.user)

    def get(self, user: str, session_id: str, kind: str, *, now: float) -> Contact:
        """Return the contact that this session is adding, or raise ChallengeError ``gone``."""
        contact = Contact(**self._members(self._store.get(_key(session_id, user, kind))))
        if (contact.user, contact.kind) != (user, kind) or now - contact.at >= config.CHALLENGE_S:
            raise ChallengeError("gone")
        return contact

    def forget(self, user: str, session_id: str, kind: str) -> None:
        """Forget a contact: it was added, or given up."""
        self._store.delete(_key(session_id, user, kind))


def _key(session_id: str, user: str, kind: str) -> str:
    return f"adding:{kind}:{session_id}:{user}"
