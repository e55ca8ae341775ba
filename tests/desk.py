"""Challenges with everything they need, for tests of the challenge and of its promises."""

from __future__ import annotations

import re
from typing import Any

import pyotp

from flask_zerotrust.challenge import Challenges, Parked, Pending
from flask_zerotrust.config import Settings
from flask_zerotrust.errors import ChallengeError, SenderError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.sms import SmsFactor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.keys import KeyRing
from flask_zerotrust.stores import MemoryStore, Store

from .clock import Clock

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NUMBER = "+447700900123"
ADDRESS = "192.0.2.7"


class Phone:
    """A sender that delivers into a list, or fails when told to."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        self.failure: SenderError | None = None

    def send(self, number: str, text: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.messages.append((number, text))

    @property
    def code(self) -> str:
        """The code in the newest message."""
        found = re.search(r"#([0-9]{6})$", self.messages[-1][1])
        assert found is not None
        return found[1]


class Inbox:
    """A mailer that delivers into a list."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    def send(self, address: str, subject: str, text: str) -> None:
        self.mails.append((address, text))


class Desk:
    """Ada, her phone, her authenticator app, and the challenges that she is asked to answer."""

    def __init__(self, store: Store | None = None, clock: Clock | None = None, **settings: Any) -> None:
        self.clock = clock or Clock()
        self.store = store if store is not None else MemoryStore(clock=self.clock)
        self.keys = KeyRing(["key"])
        self.settings = Settings(**settings)
        self.phone = Phone()
        self.sms = SmsFactor(NUMBER, self.phone)
        self.totp = TotpFactor(SECRET)
        self.challenges = Challenges(self.store, self.keys, self.settings, totp=TotpFactor)

    def open(
        self, user: str = "ada", session_id: str = "s1", parked: Parked | None = None, **wanted: str
    ) -> Pending:
        """Open a challenge and load it."""
        challenge_id = self.challenges.open(
            user=user,
            session_id=session_id,
            action=wanted.get("action", "send a transfer"),
            return_path=wanted.get("return_path", "/transfer"),
            method=wanted.get("method", "POST"),
            parked=parked,
            now=self.clock(),
        )
        return self.load(challenge_id, user, session_id)

    def load(self, challenge_id: str, user: str = "ada", session_id: str = "s1") -> Pending:
        return self.challenges.load(challenge_id, user=user, session_id=session_id, now=self.clock())

    def send(
        self,
        pending: Pending,
        factor: Factor | None = None,
        *,
        known: bool = False,
    ) -> Pending:
        """Send a code (to the phone, if nothing else is said), in a browser that is new or known."""
        return self.challenges.send(
            pending,
            factor or self.sms,
            known=known,
            now=self.clock(),
            host="bank.example",
        )

    def check(
        self,
        pending: Pending,
        code: str,
        factor: Factor | None = None,
        address: str = ADDRESS,
        *,
        known: bool = False,
    ) -> None:
        """Answer with a code (from the phone, if nothing else is said), in a browser new or known."""
        self.challenges.check(
            pending, factor or self.sms, code, known=known, now=self.clock(), address=address
        )

    def app_code(self, steps: int = 0, secret: str = SECRET) -> str:
        """The code that the authenticator app shows, now or some steps away."""
        return pyotp.TOTP(secret).at(int(self.clock()) + 30 * steps)

    def wrong_code(self) -> str:
        """A code that neither the app nor the phone shows."""
        shown = {self.app_code(steps) for steps in range(-12, 13)} | {self._sent_code()}
        return next(
            code
            for code in ("111111", "222222", "333333", "444444", "555555", "666666")
            if code not in shown
        )

    def reason(self, call: Any, *arguments: Any, **keywords: Any) -> str | None:
        """Return why a call is refused; None when it is not."""
        try:
            call(*arguments, **keywords)
        except ChallengeError as error:
            return error.reason
        return None

    def _sent_code(self) -> str:
        return self.phone.code if self.phone.messages else ""
