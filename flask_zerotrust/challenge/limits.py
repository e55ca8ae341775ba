"""Counting tries before they are judged: by challenge, by factor, by account and, softly, by address.

Factors and accounts have two counters each: one for browsers known to the user and one for all others.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import quote

from flask_zerotrust.challenge.pending import Pending
from flask_zerotrust.challenge.records import Kept, pool_of
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Factor, Unguessable

# NIST SP 800-63B, 5.2.2: at most 100 consecutive failed attempts on one account. Half of them for known
# browsers, half for all others.
ACCOUNT_FAILURES = 50
# Failures this long ago are no longer "consecutive" with today's; a month of a hundred guesses at
# six digits, three valid at a time, succeeds once in three thousand.
_ACCOUNT_S = 30 * 86_400.0
# Wrong codes of one factor are added up for a day.
_FACTOR_S = 86_400.0
# An address that did more than this lately gets one try every few seconds. A script behind it can take all
# of these turns, so each user's known browsers have one of their own.
ADDRESS_TRIES = 30
ADDRESS_WINDOW_S = 300.0
ADDRESS_PAUSE_S = 3.0


@dataclass(frozen=True, slots=True)
class Try:
    """How many tries, with this one, a challenge has had, and a factor in a row."""

    of_challenge: int
    of_factor: int


class Attempts(Kept):
    """The counters of one app.

    ``known`` says in every method that the browser is known to the user.
    """

    def check_open(self, user: str, factor: Factor, *, known: bool, now: float) -> None:
        """Raise ChallengeError ``factor_paused`` while the factor pauses."""
        if isinstance(factor, Unguessable):
            return
        until = self._store.get(_pause(user, factor, known=known))
        if until is not None:
            raise ChallengeError("factor_paused", retry_after_s=max(0.0, float(until) - now))

    def count(self, pending: Pending, factor: Factor, *, known: bool, now: float) -> Try:
        """Count one try and return its numbers, or raise if it must not be compared any more.

        Many tries at once each get their own number, so no more than the limit are ever compared.
        """
        s = self._settings
        of_challenge = self._store.increment(_tries(pending), ttl_s=2 * s.challenge_s)
        if of_challenge > s.code_tries:
            raise ChallengeError("too_many")
        if isinstance(factor, Unguessable):
            return Try(of_challenge=of_challenge, of_factor=0)
        account = _account(pending.user, known=known)
        if self._store.increment(account, ttl_s=_ACCOUNT_S) > ACCOUNT_FAILURES:
            raise ChallengeError("locked")
        of_factor = self._store.increment(_failures(pending.user, factor, known=known), ttl_s=_FACTOR_S)
        # A pause that another request began a moment ago has set the counter back already.
        self.check_open(pending.user, factor, known=known, now=now)
        if of_factor > s.factor_failures:
            raise self._pause(pending.user, factor, known=known, now=now)
        return Try(of_challenge=of_challenge, of_factor=of_factor)

    def failed(self, one: Try, user: str, factor: Factor, *, known: bool, now: float) -> ChallengeError:
        """Return what to tell the person about a wrong code: also that it was the last one."""
        if one.of_factor >= self._settings.factor_failures:
            return self._pause(user, factor, known=known, now=now)
        if one.of_challenge >= self._settings.code_tries:
            return ChallengeError("too_many")
        return ChallengeError("wrong")

    def succeeded(self, user: str, factor: Factor, *, known: bool) -> None:
        """Set the user's counters back: failures are counted only in a row.

        Those of the other browsers stay, or an owner's daily code would give a thief new guesses every day.
        """
        self._store.delete(_failures(user, factor, known=known))
        self._store.delete(_account(user, known=known))

    def unlock(self, user: str) -> None:
        """Open an account that had too many failures in a row, in known and in other browsers."""
        for known in (True, False):
            self._store.delete(_account(user, known=known))

    def slow(self, user: str, address: str | None, *, known: bool) -> None:
        """Raise ChallengeError ``slow_down`` for all but one try in a while from a busy address.

        Known browsers of one user have a turn of their own, which nobody else behind the address can take.
        """
        if not address:
            return
        name = self._address(address)
        if _number(self._store.get(f"tries-from:{name}")) < ADDRESS_TRIES:
            return
        turn = f"{name}:{self._keys.digest('turn', user)}" if known else name
        if not self._store.claim(f"turn-of:{turn}", ttl_s=ADDRESS_PAUSE_S):
            raise ChallengeError("slow_down", retry_after_s=ADDRESS_PAUSE_S)

    def note(self, address: str | None) -> None:
        """Count a wrong code or a sent message against its address."""
        if address:
            self._store.increment(f"tries-from:{self._address(address)}", ttl_s=ADDRESS_WINDOW_S)

    def _pause(self, user: str, factor: Factor, *, known: bool, now: float) -> ChallengeError:
        pause_s = self._settings.factor_pause_s
        until = repr(now + pause_s).encode()
        self._store.put(_pause(user, factor, known=known), until, ttl_s=pause_s)
        self._store.delete(_failures(user, factor, known=known))
        return ChallengeError("factor_paused", retry_after_s=pause_s)

    def _address(self, address: str) -> str:
        return self._keys.digest("address", _network(address))


def _network(address: str) -> str:
    """Return what one customer holds: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # a Unix socket, or what a proxy calls its client
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))


def _number(value: bytes | None) -> int:
    return int(value or b"0")


def _tries(pending: Pending) -> str:
    return "tries:" + pending.id


def _account(user: str, *, known: bool) -> str:
    return f"failures-of:{pool_of(known)}:{user}"


def _failures(user: str, factor: Factor, *, known: bool) -> str:
    return f"failures:{pool_of(known)}:{quote(factor.id, safe='')}:{user}"


def _pause(user: str, factor: Factor, *, known: bool) -> str:
    return f"pause:{pool_of(known)}:{quote(factor.id, safe='')}:{user}"
