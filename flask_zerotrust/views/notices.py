"""Telling the owner what has changed, on the ways that the owner had before the change."""

from __future__ import annotations

from collections.abc import Sequence

from flask import current_app

from ..errors import SenderError
from ..factors.base import Factor
from ..guard import Guard, log

#: What a kind of factor is called in a sentence.
NOUNS = {
    "totp": "An authenticator app",
    "sms": "A mobile number",
    "email": "An e-mail address",
    "webauthn": "A passkey",
    "recovery": "A list of recovery codes",
}
_WARNING = "If that was not you, change your password and tell our support."


def added(guard: Guard, user: str, kind: str, before: Sequence[Factor]) -> None:
    """Tell of a new factor; the new one is not among those that are told."""
    event = "recovery-codes-made" if kind == "recovery" else "factor-added"
    _tell(guard, user, event, f"{NOUNS[kind]} was added to your account", before)


def removed(guard: Guard, user: str, kind: str, before: Sequence[Factor]) -> None:
    """Tell of a factor that is gone; it is told, too, if it can be."""
    noun = NOUNS.get(kind, "A way to confirm it is you")
    _tell(guard, user, "factor-removed", f"{noun} was removed from your account", before)


def _tell(guard: Guard, user: str, event: str, what: str, before: Sequence[Factor]) -> None:
    """Hand the message over; whatever goes wrong is logged, since the change has happened."""
    text = f"{what} at {guard.settings.issuer or current_app.name}. {_WARNING}"
    if guard.loaders.notify is not None:
        try:
            current_app.ensure_sync(guard.loaders.notify)(user, event, text)
        except Exception:  # the app's own function: whatever it raises, the change stands
            log.exception("the function registered with @zt.notify failed")
        return
    for factor in before if guard.settings.tell_owner else ():
        try:
            guard.challenges.tell(factor, text, now=guard.clock())
        except SenderError as error:
            log.warning("an owner could not be told of a change: %s", error)
