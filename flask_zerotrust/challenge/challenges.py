"""Open, send, check, pass: one way through a challenge, over Factor and Store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask_zerotrust import config
from flask_zerotrust.challenge.budgets import Budgets
from flask_zerotrust.challenge.codes import SentCodes, read
from flask_zerotrust.challenge.contacts import Contact, Contacts
from flask_zerotrust.challenge.enrolment import Enrolment
from flask_zerotrust.challenge.limits import Attempts
from flask_zerotrust.challenge.parking import Parked
from flask_zerotrust.challenge.pending import (
    LARGE_BYTES,
    MAX_PARKED,
    MAX_PARKED_LARGE,
    MAX_REPEATS,
    REPEAT_S,
    Pending,
    PendingStore,
    new_id,
)
from flask_zerotrust.challenge.records import pool_of
from flask_zerotrust.challenge.uses import claim_use, wrong_by
from flask_zerotrust.challenge.webauthn_challenges import Questions
from flask_zerotrust.config import Settings
from flask_zerotrust.errors import ChallengeError, SenderError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores.base import Store
from flask_zerotrust.stores.quotas import network

# Characters of a digest that names a network.
_PLACE_CHARS = 10


class Challenges:
    """Challenges of one app: counts first, compares, and lets every code in once.

    Parameters
    ----------
    store : Store
    keys : KeyRing
    settings : Settings
    totp : callable, optional
        Makes a knowing factor of a secret (``TotpFactor``). Enrolment needs it.

    Attributes
    ----------
    attempts : Attempts
        Wrong codes, counted and paused.
    budgets : Budgets
        Messages that are sent.
    questions : Questions
        Questions that browsers sign.
    enrolment : Enrolment
        Authenticator apps that are being added.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyRing,
        settings: Settings,
        *,
        totp: Callable[[str], Factor] | None = None,
    ) -> None:
        self._store = store
        self._keys = keys
        self._pending = PendingStore(store, keys)
        self._codes = SentCodes(store, keys)
        self.attempts = Attempts(store, keys)
        self.budgets = Budgets(store, keys, settings)
        self.questions = Questions(store)
        self._contacts = Contacts(store, keys)
        self.enrolment = Enrolment(store, keys, totp=totp)

    def open(
        self,
        *,
        user: str,
        session_id: str,
        action: str,
        return_path: str,
        method: str,
        parked: Parked | None,
        now: float,
        provable: bool = False,
        known: bool = False,
        address: str = "",
        browser: str = "",
    ) -> str:
        """Keep the request of a user and return the challenge's id. Nothing is sent.

        ``browser`` is the digest of the browser's pair cookie. ``known`` says that the browser is known to
        the user. It chooses the bounds. In other browsers the network of the address does, too.

        Raises
        ------
        ChallengeError
            ``slow_down`` when too many begin in a minute.
        """
        pool = pool_of(known)
        pending = Pending(
            id=new_id(),
            user=user,
            session_id=session_id,
            action=action,
            return_path=return_path,
            method=method,
            parked=self._affordable(f"{pool}:{user}", parked),
            opened_at=now,
            provable=provable,
            browser=browser,
        )
        place = "" if known else self._keys.digest("network", network(address))[:_PLACE_CHARS]
        self._pending.add(pending, pool=pool, place=place)
        return pending.id

    def load(
        self, challenge_id: str, *, user: str, session_id: str, now: float, browser: str = ""
    ) -> Pending:
        """Return a challenge of this user and session.

        One that the same user began in the same browser, before the last login there, goes on in this
        session.

        Raises
        ------
        ChallengeError
            ``gone`` (expired, closed, never there) or ``not_yours``.
        """
        pending = self._pending.get(challenge_id, now=now)
        if pending.user != user:
            raise ChallengeError("not_yours")
        if pending.session_id == session_id:
            return pending
        if pending.passed_at is None and browser and browser == pending.browser:
            return self._pending.change(pending, lambda p: replace(p, session_id=session_id), now=now)
        raise ChallengeError("not_yours")

    def send(self, pending: Pending, factor: Factor, *, known: bool, now: float, host: str) -> Pending:
        """Send a new code, which voids the one before, and return the challenge as it is then.

        ``known`` says that the browser is known to the user, and chooses the budgets.

        Raises
        ------
        ChallengeError
            ``not_sending``, ``factor_paused``, ``not_allowed``, ``too_soon``, ``budget`` (worth an
            alert), ``used`` (passed already) or ``gone``.
        SenderError
            When the message could not be handed over. Its code is void.
        """
        if not factor.sends:
            raise ChallengeError("not_sending")
        if pending.passed_at is not None:
            raise ChallengeError("used")
        self.attempts.check_open(pending.user, factor, known=known, now=now)
        self.budgets.check_allowed(factor)
        self.budgets.cool_down(pending.user, factor, known=known, now=now)
        self.budgets.spend(pending.user, factor, known=known, now=now)
        if factor.made_by_provider:
            self._codes.make_there(pending, factor, now=now)
        else:
            self._send(self._codes.make(pending, factor, now=now), pending, factor, host)
        return self._pending.change(
            pending, lambda p: replace(p, factor_id=factor.id, sent_at=now), now=now
        )

    def check(
        self, pending: Pending, factor: Factor, code: str, *, known: bool, now: float, address: str | None
    ) -> None:
        """Return if the code is right and was not used before. A try is counted before it is judged.

        ``known`` says that the browser is known to the user, and chooses the counters.

        Raises
        ------
        ChallengeError
            Without a try: ``format``, ``shape``, ``factor_paused``, ``slow_down``, ``not_sent``,
            ``expired``, ``stale`` (no question is open), ``newer`` (a newer code was sent), ``gone``. With
            one: ``wrong``, ``clock``, ``used``, ``too_many``, ``factor_paused``, ``locked``.
        SenderError
            When a provider that judges its own codes did not. The try counts.
        """
        code = read(factor, code)
        if pending.passed_at is not None:
            raise ChallengeError("used")
        if pending.ends_at(life_s=config.CHALLENGE_S) <= now:
            raise ChallengeError("gone")
        self.attempts.check_open(pending.user, factor, known=known, now=now)
        sent = self._codes.find(pending, factor, now=now) if factor.sends else None
        question = self._asked(pending, factor)
        self.attempts.slow(pending.user, factor, address, known=known)
        item = self.attempts.count(pending, factor, known=known, now=now)
        if sent is not None:
            use = self._codes.use_of(sent, pending, factor, code)
        elif factor.asks:
            use = factor.judge(code, challenge=question)
        else:
            use = factor.check(code, now=now)
        if use is None and sent is not None and self._codes.is_former(sent, pending, factor, code):
            self.attempts.take_back(pending.user, factor, known=known)
            raise ChallengeError("newer")
        if use is None:
            reason = wrong_by(self._store, pending.user, factor, code, now=now)
            error = self.attempts.failed(item, pending.user, factor, known=known, now=now, address=address)
            error.reason = reason if error.reason == "wrong" else error.reason
            raise error
        claim_use(self._store, pending.user, factor.kind, use)
        self._codes.void(pending)
        self.attempts.succeeded(pending.user, factor, known=known, now=now)

    def passed(
        self,
        pending: Pending,
        *,
        session_id: str,
        now: float,
        answer: str = "",
        granted: str = "",
        keep_form: bool = True,
    ) -> Pending:
        """Keep that a challenge was answered: its page leads onward from now on, and its form is confirmed.

        ``answer`` is the right answer, and ``granted`` the session's id since. Script has its form itself.
        """
        digest = self._digest(pending, answer) if granted else ""
        self._codes.void(pending)
        return self._pending.change(
            pending,
            lambda p: replace(
                p,
                session_id=session_id,
                passed_at=now,
                answer=digest,
                granted=granted,
                parked=p.parked if keep_form else None,
            ),
            now=now,
        )

    def repeats(self, pending: Pending, answer: str, *, now: float) -> bool:
        """Return whether the answer that was right is sent again within a minute.

        Each try is counted before it is compared. Otherwise a copy of the cookies of before could guess the
        code.
        """
        if pending.passed_at is None:
            return False
        tries = self._store.increment(f"repeats:{pending.id}", ttl_s=2 * REPEAT_S)
        return tries <= MAX_REPEATS and pending.repeats(self._digest(pending, answer), now=now)

    def _digest(self, pending: Pending, answer: str) -> str:
        return self._keys.digest("right-answer", pending.id, answer.strip())

    def close(self, pending: Pending) -> None:
        """Forget a challenge, its code and its form. Its counters live on."""
        self._pending.remove(pending)
        self._codes.void(pending)

    def contact_begin(
        self,
        user: str,
        session_id: str,
        kind: str,
        recipient: str,
        *,
        action: str,
        return_path: str,
        now: float,
        known: bool = False,
        address: str = "",
    ) -> Pending:
        """Keep a number or an address that somebody wants to add, and return the challenge for its codes.

        Nothing is sent yet: :meth:`send` and :meth:`check` do the rest, as for any challenge.
        """
        challenge_id = self.open(
            user=user,
            session_id=session_id,
            action=action,
            return_path=return_path,
            method="GET",
            parked=None,
            now=now,
            known=known,
            address=address,
        )
        self._contacts.put(Contact(user, kind, recipient, challenge_id, now), session_id)
        return self.load(challenge_id, user=user, session_id=session_id, now=now)

    def contact(self, user: str, session_id: str, kind: str, *, now: float) -> tuple[Contact, Pending]:
        """Return the contact of this session and its challenge, or raise ChallengeError ``gone``."""
        contact = self._contacts.get(user, session_id, kind, now=now)
        return contact, self.load(contact.challenge_id, user=user, session_id=session_id, now=now)

    def contact_end(self, contact: Contact, pending: Pending) -> None:
        """Forget a contact that was added, or has been tried too often."""
        self._contacts.forget(contact.user, pending.session_id, contact.kind)
        self.close(pending)

    def tell(self, factor: Factor, text: str, *, now: float) -> bool:
        """Tell a recipient something that is no code. Say whether there was a way and a budget.

        Raises
        ------
        SenderError
            When the message could not be handed over.
        """
        if factor.recipient is None:
            return False
        try:
            self.budgets.check_allowed(factor)
            self.budgets.spend_notice(factor, now=now)
        except ChallengeError:
            return False
        return factor.tell(text)

    def question(self, pending: Pending, factor: Factor) -> str | None:
        """Return the question for the browser, as JSON. None for a factor that answers no questions."""
        if not factor.asks:
            return None
        return factor.question(self.questions.ask(_place(pending, factor), user=pending.user))

    def _asked(self, pending: Pending, factor: Factor) -> bytes:
        """Return the question that an answer has to fit, and close it. Empty where none is asked."""
        if not factor.asks:
            return b""
        question = self.questions.take(_place(pending, factor))
        if question is None:
            raise ChallengeError("stale")
        return question

    def _send(self, code: str, pending: Pending, factor: Factor, host: str) -> None:
        try:
            factor.send(code, action=pending.action, host=host)
        except SenderError:
            self._codes.void(pending)
            raise

    def _affordable(self, name: str, parked: Parked | None) -> Parked | None:
        """Leave a form out when too many of its size are kept."""
        if parked is None or parked.too_large:
            return parked
        size, most = ("large", MAX_PARKED_LARGE) if parked.size > LARGE_BYTES else ("small", MAX_PARKED)
        stored = self._store.increment(f"parked:{size}:{name}", ttl_s=config.CHALLENGE_S)
        return parked if stored <= most else Parked(parked.path, too_large=True)


def _place(pending: Pending, factor: Factor) -> str:
    """Return where a question is asked: once for all factors of a kind."""
    return f"{pending.id}:{factor.kind}"
