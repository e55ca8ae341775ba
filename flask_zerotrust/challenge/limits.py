"""Counting tries before they are judged: by challenge, by factor, by account and, softly, by address.

Factors and accounts have two counters each: one for browsers known to the user and one for all others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from flask_zerotrust import config
from flask_zerotrust.challenge.pending import Pending
from flask_zerotrust.challenge.records import Kept, owner_of, pool_of
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.stores.base import reading, update
from flask_zerotrust.stores.quotas import network

# NIST SP 800-63B-4, 3.2.2: at most 100 consecutive failed attempts on one account. Half of them for known
# browsers, half for all others.
ACCOUNT_FAILURES = 50
# Wrong codes of an account, and the pauses of its factors, are forgotten after 30 days. The page on
# security says how likely a guess is then.
ACCOUNT_S = 30 * 86_400.0
# Wrong codes of one factor are added up for a day.
_FACTOR_S = 86_400.0
#: How long a factor pauses in seconds: the first time, the second time, and from then on.
PAUSES_S = (900.0, 3_600.0, 86_400.0)
#: Wrong codes in new browsers of which the owner is told.
ALARM_FAILURES = 3
# If codes of so many accounts were wrong behind an address lately, new browsers there take turns: one try
# a second altogether, and one in half a minute for each user. So it takes thirty accounts to fill all
# turns, and the factors of each of them soon pause.
ADDRESS_ACCOUNTS = 30
ADDRESS_WINDOW_S = 300.0
ADDRESS_TURN_S = 1.0
USER_TURN_S = 30.0


#: By factor: how many pauses there were in a row, and when the newest ends.
Pauses = dict[str, tuple[int, float]]


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
        if not factor.guessable:
            return
        _, until = _pauses(self._store.get(_paused(user, known=known)), now).get(factor.id, (0, now))
        if until > now:
            raise ChallengeError("factor_paused", retry_after_s=until - now)

    def count(self, pending: Pending, factor: Factor, *, known: bool, now: float) -> Try:
        """Count one try and return its numbers, or raise if it must not be compared any more.

        Many tries at once each get their own number, so no more than the limit are ever compared.
        """
        of_challenge = self._store.increment(_tries(pending), ttl_s=2 * config.CHALLENGE_S)
        if of_challenge > config.CODE_TRIES:
            raise ChallengeError("too_many")
        if not factor.guessable:
            return Try(of_challenge=of_challenge, of_factor=0)
        account = _account(pending.user, known=known)
        if self._add(account, ttl_s=ACCOUNT_S) > ACCOUNT_FAILURES:
            raise ChallengeError("locked")
        of_factor = self._add(_failures(pending.user, factor, known=known), ttl_s=_FACTOR_S)
        # A pause that another request began a moment ago has set the counter back already.
        self.check_open(pending.user, factor, known=known, now=now)
        if of_factor > config.FACTOR_FAILURES:
            raise self._pause(pending.user, factor, known=known, now=now)
        return Try(of_challenge=of_challenge, of_factor=of_factor)

    def failed(
        self, one: Try, user: str, factor: Factor, *, known: bool, now: float, address: str | None
    ) -> ChallengeError:
        """Count a wrong code against its address and return the error for the user."""
        error = self._refusal(one, user, factor, known=known, now=now)
        if not known:
            wrong = self._store.increment(_elsewhere(user), ttl_s=ACCOUNT_S)
            error.alarming = wrong >= ALARM_FAILURES
            self._note(user, factor, address)
        return error

    def succeeded(self, user: str, factor: Factor, *, known: bool, now: float) -> None:
        """Set the counters of the user's known browsers back: failures are counted only in a row.

        A code passed in another browser makes that one known, and takes back its own try only. Otherwise
        an owner who steps up in new browsers would give a thief new guesses each time.
        """
        failures, account = _failures(user, factor, known=known), _account(user, known=known)
        if known:
            self._store.delete(failures)
            self._store.delete(account)
            self._shorten_pauses(user, factor, known=known, now=now)
        else:
            self.take_back(user, factor, known=known)

    def take_back(self, user: str, factor: Factor, *, known: bool) -> None:
        """Count one try as none: its code was right, or was right until a newer one was sent."""
        if factor.guessable:
            failures, account = _failures(user, factor, known=known), _account(user, known=known)
            self._store.increment(_taken_back(failures), ttl_s=_FACTOR_S)
            self._store.increment(_taken_back(account), ttl_s=ACCOUNT_S)

    def unlock(self, user: str) -> bool:
        """Open an account that had too many failures in a row, in known and in other browsers.

        Return whether there were any.
        """
        counted = [self._open(user, known=known) for known in (True, False)]
        return any(counted)

    def _open(self, user: str, *, known: bool) -> bool:
        account, paused = _account(user, known=known), _paused(user, known=known)
        wrong = _number(self._store.get(account)) - _number(self._store.get(_taken_back(account)))
        counted = wrong > 0 or self._store.get(paused) is not None
        self._store.delete(account)
        self._store.delete(paused)
        return counted

    def slow(self, user: str, factor: Factor, address: str | None, *, known: bool) -> None:
        """Raise ChallengeError ``slow_down`` for all but one try in a while from a busy address.

        One account never makes an address busy. Known browsers and answers that nobody guesses wait for
        no turn, and a user who has had one lately lets others go first.
        """
        if known or not address or not factor.guessable:
            return
        name = self._address(address)
        if _number(self._store.get(f"accounts-from:{name}")) < ADDRESS_ACCOUNTS:
            return
        own = f"turn-of:{name}:{self._keys.digest('turn', user)}"
        if self._store.get(own) is not None:
            raise ChallengeError("slow_down", retry_after_s=USER_TURN_S)
        if not self._store.claim(f"turn-of:{name}", ttl_s=ADDRESS_TURN_S):
            raise ChallengeError("slow_down", retry_after_s=ADDRESS_TURN_S)
        self._store.claim(own, ttl_s=USER_TURN_S)

    def _note(self, user: str, factor: Factor, address: str | None) -> None:
        """Count an account whose code was wrong, once in a while, against the address."""
        if not address or not factor.guessable:
            return
        name = self._address(address)
        account = f"failed-from:{name}:{self._keys.digest('turn', user)}"
        if self._store.claim(account, ttl_s=ADDRESS_WINDOW_S):
            self._store.increment(f"accounts-from:{name}", ttl_s=ADDRESS_WINDOW_S)

    def _add(self, key: str, *, ttl_s: float) -> int:
        """Add one try to a counter and return how many there are without those taken back as right."""
        total = self._store.increment(key, ttl_s=ttl_s)
        if total == 1:
            self._store.delete(_taken_back(key))
            return 1
        return total - _number(self._store.get(_taken_back(key)))

    def _refusal(
        self, attempt: Try, user: str, factor: Factor, *, known: bool, now: float
    ) -> ChallengeError:
        if attempt.of_factor >= config.FACTOR_FAILURES:
            return self._pause(user, factor, known=known, now=now)
        if attempt.of_challenge >= config.CODE_TRIES:
            return ChallengeError("too_many")
        left = config.CODE_TRIES - attempt.of_challenge, config.FACTOR_FAILURES - attempt.of_factor
        return ChallengeError("wrong", tries_left=min(left))

    def _pause(self, user: str, factor: Factor, *, known: bool, now: float) -> ChallengeError:
        """Begin a pause, longer than the one before. Many tries at once begin one."""

        def begin(pauses: Pauses) -> None:
            level, until = pauses.get(factor.id, (0, now))
            if until <= now:
                pauses[factor.id] = (level + 1, now + PAUSES_S[min(level, len(PAUSES_S) - 1)])

        pauses = self._change_pauses(user, begin, known=known, now=now)
        self._store.delete(_failures(user, factor, known=known))
        return ChallengeError("factor_paused", retry_after_s=pauses[factor.id][1] - now)

    def _shorten_pauses(self, user: str, factor: Factor, *, known: bool, now: float) -> None:
        """Let the next pause of a factor be the shortest again."""
        if factor.id in _pauses(self._store.get(_paused(user, known=known)), now):
            self._change_pauses(user, lambda pauses: pauses.pop(factor.id, None), known=known, now=now)

    def _change_pauses(
        self, user: str, change: Callable[[Pauses], object], *, known: bool, now: float
    ) -> Pauses:
        def step(raw: bytes | None) -> bytes:
            pauses = _pauses(raw, now)
            change(pauses)
            return json.dumps(pauses).encode()

        life_s = PAUSES_S[-1] + ACCOUNT_S
        raw = update(self._store, _paused(user, known=known), step, ttl_s=life_s, owner=owner_of(user))
        return _pauses(raw, now)

    def _address(self, address: str) -> str:
        return self._keys.digest("address", network(address))


def _number(value: bytes | None) -> int:
    with reading("taken-back:"):
        return int(value or b"0")


def _tries(pending: Pending) -> str:
    return "tries:" + pending.id


def _account(user: str, *, known: bool) -> str:
    return f"failures-of:{pool_of(known)}:{user}"


def _failures(user: str, factor: Factor, *, known: bool) -> str:
    return f"failures:{pool_of(known)}:{quote(factor.id, safe='')}:{user}"


def _taken_back(counter: str) -> str:
    return "taken-back:" + counter


def _paused(user: str, *, known: bool) -> str:
    return f"pauses:{pool_of(known)}:{user}"


def _elsewhere(user: str) -> str:
    return f"wrong-elsewhere:{user}"


def _pauses(raw: bytes | None, now: float) -> Pauses:
    """Return the pauses of a user's factors that are not long over."""
    with reading("pauses:"):
        listed = json.loads(raw or b"{}").items()
        pauses = {factor_id: (int(level), float(until)) for factor_id, (level, until) in listed}
        return {factor_id: pause for factor_id, pause in pauses.items() if now - pause[1] < ACCOUNT_S}
