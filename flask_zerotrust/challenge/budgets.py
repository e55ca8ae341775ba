"""Limits of messages: to whom, how often, and a pause between two to one recipient."""

from __future__ import annotations

import json
import logging
import unicodedata

from flask_zerotrust import config
from flask_zerotrust.challenge.records import Kept, pool_of
from flask_zerotrust.config import PREFIX, Settings
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.phone_numbers import may_get_messages
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores.base import Store, reading, update

log = logging.getLogger("flask_zerotrust")

_HOUR_S = 3_600.0
_DAY_S = 86_400.0
# Longest answer of a mail server and a text message provider together.
_TELLING_S = 60.0
# Messages are added up by five minutes, so a budget looks back 60 to 65 minutes.
_SLOT_S = 300.0
_SLOTS = int(_HOUR_S / _SLOT_S)
# Country, network and a first digit or two: the common part of numbers that are rented together.
_PREFIX_DIGITS = 6


#: How the ids of factors begin whose number or address is still to be proven.
ADDING = "adding:"
# Messages an hour that these leave to whoever has the number: with an account of their own, anybody can
# ask for codes to it.
KEPT_FOR_OWNERS = 2

# One part in so many of the shared budgets is kept for known browsers. Accounts made for it could otherwise
# use up the messages of all.
_RESERVED_PART = 4

#: Budgets that all users share, and the setting of each.
_SETTINGS = {
    "prefix": "SMS_LIMITS['prefix']",
    "total": "SMS_LIMITS['total']",
    "mail-total": "EMAIL_LIMITS['total']",
}

# A change of factors takes a step-up each, so an hour with more of them is no person's.
NOTICES_HOUR = 12


class Budgets(Kept):
    """Messages spent, by number or address (under its HMAC), user, prefix of a number and altogether.

    Numbers, addresses and users have two budgets each: one for browsers known to the user (``known``)
    and one for all others. Prefixes and totals are shared, with a quarter kept for known browsers.
    """

    def __init__(self, store: Store, keys: KeyRing, settings: Settings) -> None:
        super().__init__(store, keys)
        self._settings = settings

    def check_allowed(self, factor: Factor) -> None:
        """Raise ChallengeError ``not_allowed`` for a number of a country or kind that gets no messages."""
        s, recipient = self._settings, factor.recipient or ""
        if not recipient.startswith("+"):
            return
        if not may_get_messages(recipient, allowed=s.sms_prefixes, denied=s.sms_denied):
            raise ChallengeError("not_allowed")

    def cool_down(self, user: str, factor: Factor, *, known: bool, now: float) -> None:
        """Let one code pass in a while. Raise ChallengeError ``too_soon`` for the others.

        The pause belongs to user and recipient, so opening another challenge does not shorten it.
        """
        pause_s = config.RESEND_S
        digest = self._keys.digest("recipient", user, factor.recipient or factor.id)
        key = f"sent-lately:{pool_of(known)}:{digest}"
        until = repr(now + pause_s).encode()
        if pause_s and not self._store.swap(key, old=None, new=until, ttl_s=pause_s):
            with reading("sent-lately:"):
                ends_at = float(self._store.get(key) or until)
            raise ChallengeError("too_soon", retry_after_s=max(0.0, ends_at - now))

    def spend(self, user: str, factor: Factor, *, known: bool, now: float) -> None:
        """Count one message, or raise ChallengeError ``budget``.

        The narrow budgets come first, so that one recipient asked for over and over spends nothing of
        the budgets it shares.
        """
        s = self._settings
        recipient = factor.recipient or factor.id
        adding, pool = factor.id.startswith(ADDING), pool_of(known)
        # Anybody can add a stranger's number in a browser that is known to themselves.
        trusted = known and not adding
        to = pool_of(trusted)
        if adding:
            limit = s.email_limits.address if "@" in recipient else s.sms_limits.number
            self._spend("unproven", _mailbox(recipient), max(1, limit - KEPT_FOR_OWNERS), now)
        if "@" in recipient:
            self._spend(f"address-{to}", _mailbox(recipient), s.email_limits.address, now)
            self._spend(f"mail-user-{pool}", user, s.email_limits.user, now)
            self._spend("mail-total", "", _shared(s.email_limits.total, known=trusted), now)
            return
        self._spend(f"number-{to}", recipient, s.sms_limits.number, now)
        self._spend(f"user-{pool}", user, s.sms_limits.user, now)
        if recipient.startswith("+"):
            prefix = recipient[: 1 + _PREFIX_DIGITS]
            self._spend("prefix", prefix, _shared(s.sms_limits.prefix, known=trusted), now)
        self._spend("total", "", _shared(s.sms_limits.total, known=trusted), now)

    def spend_notice(self, factor: Factor, *, now: float) -> None:
        """Count one message without a code, or raise ChallengeError ``budget``.

        Apart from codes: whoever spends those budgets must not keep the owner from being told.
        """
        self._spend("told", _mailbox(factor.recipient or factor.id), NOTICES_HOUR, now)

    def first_today(self, user: str, notice: str) -> bool:
        """Return True to the first caller within 24 hours, who has a minute to tell and to note it."""
        return self._store.claim(_told(user, notice), ttl_s=_TELLING_S)

    def note_told(self, user: str, notice: str) -> None:
        """Keep for 24 hours that a notice went out. Without that, the next cause sends it again."""
        self._store.put(_told(user, notice), b"", ttl_s=_DAY_S)

    def _spend(self, kind: str, name: str, limit: int, now: float) -> None:
        key = f"budget:{kind}:{self._keys.digest('budget', kind, name)}"
        slot = int(now // _SLOT_S)

        def step(raw: bytes | None) -> bytes:
            with reading("budget:"):
                listed = json.loads(raw or b"{}").items()
                spent = {int(at): int(n) for at, n in listed if int(at) >= slot - _SLOTS}
            if sum(spent.values()) >= limit:
                frees_at = (min(spent) + _SLOTS + 1) * _SLOT_S
                self._warn(kind, name, limit)
                raise ChallengeError("budget", retry_after_s=max(0.0, frees_at - now))
            spent[slot] = spent.get(slot, 0) + 1
            return json.dumps(spent).encode()

        update(self._store, key, step, ttl_s=_HOUR_S + _SLOT_S)

    def _warn(self, kind: str, name: str, limit: int) -> None:
        """Log once an hour that a budget of all users is spent. The site can tell fraud from success."""
        setting = _SETTINGS.get(kind)
        if setting is not None and self._store.claim(f"spent:{kind}:{name}", ttl_s=_HOUR_S):
            log.warning(
                "%d messages%s went out within an hour, and the next ones are refused. If people "
                "asked for them, raise %s%s.",
                limit,
                f" to numbers that begin with {name}" if name else "",
                PREFIX,
                setting,
            )


def _mailbox(address: str) -> str:
    """Return one spelling for addresses of one mailbox.

    Case and forms of a letter tell no mailboxes apart anywhere that matters, and must not earn a new
    budget.
    """
    return unicodedata.normalize("NFKC", address).casefold()


def _shared(limit: int, *, known: bool) -> int:
    """Return how much of a shared budget a browser may use up."""
    return limit if known else limit - limit // _RESERVED_PART


def _told(user: str, notice: str) -> str:
    return f"told:{notice}:{user}"
