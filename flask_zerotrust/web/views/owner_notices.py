"""Telling the owner what has changed, on the ways that the owner had before the change."""

from __future__ import annotations

from collections.abc import Sequence

from flask import current_app

from flask_zerotrust.errors import SenderError, StoreError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web.browsers import translated_name
from flask_zerotrust.web.state import Guard, log

_ADDED = {
    "totp": N_("An authenticator app was added to your account."),
    "sms": N_("A mobile number was added to your account."),
    "email": N_("An e-mail address was added to your account."),
    "webauthn": N_("A passkey was added to your account."),
    "recovery": N_("A list of recovery codes was added to your account."),
}
_REMOVED = {
    "totp": N_("An authenticator app was removed from your account."),
    "sms": N_("A mobile number was removed from your account."),
    "email": N_("An e-mail address was removed from your account."),
    "webauthn": N_("A passkey was removed from your account."),
    "recovery": N_("A list of recovery codes was removed from your account."),
}
_WARNING = N_("If that was not you, change your password and tell our support.")


def added(guard: Guard, user: str, kind: str, before: Sequence[Factor]) -> None:
    """Tell of a new factor; the new one is not among those that are told."""
    event = "recovery-codes-made" if kind == "recovery" else "factor-added"
    _tell(guard, user, event, gettext(_ADDED[kind]), before)


def removed(guard: Guard, user: str, kind: str, before: Sequence[Factor]) -> None:
    """Tell of a factor that is gone; it is told, too, if it can be."""
    _tell(guard, user, "factor-removed", gettext(_REMOVED[kind]), before)


def remembered(guard: Guard, user: str, name: str) -> None:
    """Tell of a browser that is remembered from now on, by its name."""
    text = gettext("A browser was remembered for your account: %(name)s.", name=translated_name(name))
    _tell(guard, user, "browser-remembered", text, _factors(guard, user))


def _factors(guard: Guard, user: str) -> Sequence[Factor]:
    try:
        return guard.factors(user)
    except Exception:  # the app's own loader: the code was passed, so the user goes on
        log.exception("the factors of a user could not be loaded; the owner is not told of a browser")
        return ()


def _tell(guard: Guard, user: str, event: str, what: str, before: Sequence[Factor]) -> None:
    """Hand the message over; whatever goes wrong is logged, since the change has happened."""
    site = guard.settings.issuer or current_app.name
    text = f"{site}: {what} {gettext(_WARNING)}"
    if guard.loaders.notify is not None:
        try:
            current_app.ensure_sync(guard.loaders.notify)(user, event, text)
        except Exception:  # the app's own function: whatever it raises, the change stands
            log.exception("the function registered with @zt.notify failed")
        return
    for factor in before if guard.settings.tell_owner else ():
        _tell_by(guard, factor, text)


def _tell_by(guard: Guard, factor: Factor, text: str) -> None:
    try:
        guard.challenges.tell(factor, text, now=guard.clock())
    except (SenderError, StoreError) as error:
        log.warning("an owner could not be told of a change: %s", error)
    except Exception as error:  # a factor of the app's own: the others are told all the same
        log.warning("an owner could not be told of a change: %s", type(error).__name__)
