"""Codes: made from the system's randomness, kept only as an HMAC, read as a person types them."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass

from flask_zerotrust import config
from flask_zerotrust.challenge.pending import Pending
from flask_zerotrust.challenge.records import Kept
from flask_zerotrust.config import CLOCK_SLACK_S
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.stores.base import reading

_DIGITS = 6
_PURPOSE = "sent-code"
# How long Twilio Verify, the only such provider, keeps a code that nobody has typed.
_AT_PROVIDER_S = 600.0


@dataclass(frozen=True, slots=True)
class SentCode:
    """The stored part of the newest code of a challenge.

    Where a provider makes the codes, ``reference`` is its name for this one, and the digest is of that.
    ``former`` is the digest of the code that this one took the place of.
    """

    factor_id: str
    digest: str
    sent_at: float
    reference: str | None = None
    former: str = ""


class SentCodes(Kept):
    """The newest sent code of each challenge."""

    def make(self, pending: Pending, factor: Factor, *, now: float) -> str:
        """Return a new code. The one before is void from here on."""
        before = self._kept(pending)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"
        digest = self._keys.digest(_PURPOSE, *_bound(pending, factor), code)
        former = before.digest if before is not None and before.factor_id == factor.id else ""
        self._keep(pending, SentCode(factor.id, digest, now, former=former))
        return code

    def make_there(self, pending: Pending, factor: Factor, *, now: float) -> None:
        """Have the factor's provider make and send a new code. The recipient's one before is void.

        Also where that belongs to another challenge: a provider knows of one code a recipient.
        """
        self.void(pending)
        newest = f"at-provider:{self._keys.digest('recipient', factor.recipient or factor.id)}"
        before = self._store.get(newest)
        reference = factor.start(before=None if before is None else before.decode())
        self._store.put(newest, reference.encode(), ttl_s=_AT_PROVIDER_S)
        digest = self._keys.digest(_PURPOSE, *_bound(pending, factor), reference)
        self._keep(pending, SentCode(factor.id, digest, now, reference))

    def _keep(self, pending: Pending, sent: SentCode) -> None:
        # Kept as long as a challenge can be, so that a late code is called late and not unknown.
        self._store.put(_key(pending), json.dumps(asdict(sent)).encode(), ttl_s=config.CHALLENGE_S)

    def find(self, pending: Pending, factor: Factor, *, now: float) -> SentCode:
        """Return the code to compare with, or raise ChallengeError ``not_sent`` or ``expired``."""
        sent = self._kept(pending)
        if sent is None or sent.factor_id != factor.id:
            raise ChallengeError("not_sent")
        # A code of the future was sent before the clock was set back: nobody can say how old it is.
        if not -CLOCK_SLACK_S <= now - sent.sent_at < config.CODE_S:
            raise ChallengeError("expired")
        return sent

    def use_of(self, sent: SentCode, pending: Pending, factor: Factor, code: str) -> str | None:
        """Return the use that a right code makes, None for a wrong one. A provider may have to be asked.

        Raises
        ------
        ChallengeError, SenderError
            As :meth:`Factor.approves`.
        """
        known = code if sent.reference is None else sent.reference
        fits = self._keys.matches(_PURPOSE, sent.digest, *_bound(pending, factor), known)
        if fits and sent.reference is not None:
            fits = factor.approves(sent.reference, code)
        return f"{pending.id}:{sent.digest[:16]}" if fits else None

    def is_former(self, sent: SentCode, pending: Pending, factor: Factor, code: str) -> bool:
        """Return whether this is the code that the newest one took the place of."""
        return bool(sent.former) and self._keys.matches(
            _PURPOSE, sent.former, *_bound(pending, factor), code
        )

    def _kept(self, pending: Pending) -> SentCode | None:
        raw = self._store.get(_key(pending))
        with reading("code:"):
            return None if raw is None else _sent(**json.loads(raw))

    def void(self, pending: Pending) -> None:
        """Forget the code."""
        self._store.delete(_key(pending))


def read(factor: Factor, typed: str) -> str:
    """Return the code in a text that was typed.

    Raises
    ------
    ChallengeError
        ``format`` for anything but the factor's digits, ``shape`` if its codes have another shape.
    """
    code = factor.read_code(typed)
    if code is None:
        raise ChallengeError("shape" if factor.digits is None else "format")
    return code


def _sent(factor_id: str, digest: str, sent_at: float, reference: str | None, former: str) -> SentCode:
    if not isinstance(digest, str) or not isinstance(reference, str | None) or not isinstance(former, str):
        raise TypeError("digests and a reference are texts")
    return SentCode(factor_id, digest, float(sent_at), reference, former)


def _bound(pending: Pending, factor: Factor) -> tuple[str, ...]:
    """Return the scope of a code: this challenge, person, factor and recipient, and nothing else.

    The recipient, because an app may put another number under the same id while a code is on its way.
    """
    return pending.id, pending.user, factor.kind, factor.id, factor.recipient or ""


def _key(pending: Pending) -> str:
    return "code:" + pending.id
