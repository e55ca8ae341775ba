"""Twilio Verify: the provider makes the code, sends it and checks the answer."""

from __future__ import annotations

from typing import Any

from flask_zerotrust.delivery import twilio
from flask_zerotrust.delivery.twilio import DEFAULT_PLACE, Place, Refusal
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Sender, Verifier
from flask_zerotrust.factors.sms import NumberFactor, SmsFactor

# twilio.com/docs/api/errors: the most checks and the most sends of one verification, and one that is not
# there (any more): it expired, was approved or cancelled, or had its checks.
_MAX_CHECKS, _MAX_SENDS, _GONE = 60202, 60203, 20404
# Twilio forgets a verification, and with it how often it was sent, after ten minutes.
_LIFE_S = 600.0


class TwilioVerify:
    """A Verify service of an account. Its codes must have six digits, as a new service's have.

    Parameters
    ----------
    sid, token, timeout_s, http_client, place
        As for :func:`flask_zerotrust.delivery.twilio.connect`.
    service : str
        ``VA...``.
    """

    def __init__(
        self,
        sid: str,
        token: str,
        service: str,
        timeout_s: float,
        http_client: Any | None = None,
        place: Place = DEFAULT_PLACE,
    ) -> None:
        self._twilio = twilio.connect(sid, token, timeout_s, http_client, place)
        self._service = self._twilio.client.verify.v2.services(service)

    def __repr__(self) -> str:
        return "TwilioVerify()"

    def start(self, number: str, *, before: str | None) -> str:
        """Have a new code sent, once, and return Twilio's name for it.

        Twilio sends the same code again while one waits, so the one before is cancelled first.
        """
        try:
            if before is not None:
                self._cancel(before)
            with self._twilio.asked():
                return str(self._service.verifications.create(to=number, channel="sms").sid)
        except Refusal as refusal:
            if refusal.code == _MAX_SENDS:
                raise ChallengeError("budget", retry_after_s=_LIFE_S) from None
            raise refusal.as_sender_error() from None

    def approves(self, reference: str, code: str) -> bool:
        """Ask whether a code is that of a verification: a wrong one answers 200, "pending"."""
        try:
            with self._twilio.asked():
                answer = self._service.verification_checks.create(verification_sid=reference, code=code)
        except Refusal as refusal:
            if refusal.code == _MAX_CHECKS:
                raise ChallengeError("too_many") from None
            if refusal.code == _GONE:
                raise ChallengeError("expired") from None
            raise refusal.as_sender_error() from None
        return bool(answer.status == "approved")

    def _cancel(self, reference: str) -> None:
        """End a verification. One that is over already is no trouble."""
        try:
            with self._twilio.asked():
                self._service.verifications(reference).update(status="canceled")
        except Refusal as refusal:
            if refusal.code != _GONE:
                raise


class VerifiedSmsFactor(NumberFactor):
    """A mobile number whose codes a provider makes and checks.

    Parameters
    ----------
    number, id, label
        As for :class:`flask_zerotrust.factors.sms.SmsFactor`.
    verifier : Verifier
    """

    made_by_provider = True

    def __init__(self, number: str, verifier: Verifier, id: str = "sms", label: str | None = None) -> None:
        super().__init__(number, id, label)
        self.verifier = verifier

    def start(self, *, before: str | None) -> str:
        """Have a new code sent to the number."""
        return self.verifier.start(self.number, before=before)

    def approves(self, reference: str, code: str) -> bool:
        """Ask the provider for its judgement."""
        return self.verifier.approves(reference, code)


def sms_factor(
    number: str, sender: Sender | Verifier, id: str = "sms", label: str | None = None
) -> SmsFactor | VerifiedSmsFactor:
    """Return a number's factor, by whoever makes the codes: this server, or the provider."""
    if isinstance(sender, Verifier):
        return VerifiedSmsFactor(number, sender, id=id, label=label)
    return SmsFactor(number, sender, id=id, label=label)
