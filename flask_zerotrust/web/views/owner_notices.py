"""Tell the owner of changes and of guesses, on the ways that the owner had before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask, current_app

from flask_zerotrust import signals
from flask_zerotrust.challenge import ALARM_FAILURES
from flask_zerotrust.errors import SenderError, StoreError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web.browsers import translated_name
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.state import AppState, this_state

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
_FIRST = N_("It is the first way to confirm there.")
_WARNING = N_("If that was not you, change your password and tell our support.")
_WARNING_TO = N_("If that was not you, change your password and tell our support: %(support)s.")


def warning(state: AppState) -> str:
    """Return the advice if it was not the owner, with the site's contact if it has named one."""
    support = state.settings.support
    return gettext(_WARNING_TO, support=support) if support else gettext(_WARNING)


def added(state: AppState, user: str, kind: str, before: Sequence[Factor]) -> bool:
    """Tell of a new factor, and return whether that is known to have reached somebody.

    The new one is not among those that are told. Before the first there was none: then only a function
    registered with ``@zt.notify`` tells, and the page has to say so.
    """
    event = "recovery-codes-made" if kind == "recovery" else "factor-added"
    what = gettext(_ADDED[kind]) if before else f"{gettext(_ADDED[kind])} {gettext(_FIRST)}"
    return _tell(state, user, event, what, before) > 0


def removed(state: AppState, user: str, kind: str, before: Sequence[Factor]) -> None:
    """Tell of a factor that is gone. It is told, too, if it can be."""
    _tell(state, user, "factor-removed", gettext(_REMOVED[kind]), before)


def reset(state: AppState, user: str, before: Sequence[Factor]) -> None:
    """Tell that all factors that the user had added are gone."""
    text = gettext("All ways to confirm that you added were removed from your account.")
    _tell(state, user, "factors-reset", text, before)


def unlocked(state: AppState, user: str) -> None:
    """Tell that the account takes codes again."""
    text = gettext("Your account was opened again after too many wrong codes.")
    _tell(state, user, "unlocked", text, factors(state, user))


def remembered(state: AppState, user: str, name: str) -> None:
    """Tell of a browser that is remembered from now on, by its name."""
    text = gettext("A browser was remembered for your account: %(name)s.", name=translated_name(name))
    _tell(state, user, "browser-remembered", text, factors(state, user))


def recovery_used(state: AppState, user: str) -> None:
    """Tell that a recovery code was used."""
    text = gettext("A recovery code was used for your account.")
    _tell(state, user, "recovery-code-used", text, factors(state, user))


def guessed(state: AppState, user: str) -> None:
    """Tell of wrong codes in a new browser in which the right password was typed, once a day."""
    if _is_due(state, user, "wrong-codes"):
        text = gettext(
            "Somebody signed in with your password and typed %(num)s or more wrong codes.",
            num=ALARM_FAILURES,
        )
        _tell(state, user, "wrong-codes", text, factors(state, user))
        _note_told(state, user, "wrong-codes")


def connect(app: Flask) -> None:
    """Tell the owners of an app's accounts of latches from now on, each of them once a day."""
    signals.session_latched.connect(_latched, app)


def _latched(_: Flask, *, user: str | None, **__: Any) -> None:
    state = this_state()
    if user is not None and _is_due(state, user, "latched"):
        text = gettext("The mouse moved in an unusual way in your account. We ask for a code again there.")
        _tell(state, user, "latched", text, factors(state, user))
        _note_told(state, user, "latched")


def _is_due(state: AppState, user: str, event: str) -> bool:
    """Return True once a day, since a thief can cause these events again and again.

    A latch also has to reach the account: an unproven session, which may be a thief's, latches itself only.
    """
    try:
        reaches = event != "latched" or state.sessions.ledger(user).latched
        return reaches and state.challenges.budgets.first_today(user, event)
    except StoreError:
        log.exception("the risk store did not answer; an owner is not told: %s", event)
        return False


def _note_told(state: AppState, user: str, event: str) -> None:
    """Keep for a day that the owner was told, once it is done: a worker may be killed before."""
    try:
        state.challenges.budgets.note_told(user, event)
    except StoreError:
        log.exception("the risk store did not answer; an owner may be told twice: %s", event)


def factors(state: AppState, user: str) -> Sequence[Factor]:
    """Return whom to tell: if the app's loader fails, which is logged, only the factors added here."""
    try:
        return state.factors.of(user)
    except Exception:  # the app's own loader: the code was passed, so the user goes on
        log.exception("the app's factors of a user could not be loaded; the owner is not told on them")
    try:
        return state.enrolled.factors(user, sender=state.sender, mailer=state.mailer)
    except StoreError:
        return ()


def _tell(state: AppState, user: str, event: str, what: str, before: Sequence[Factor]) -> int:
    """Hand the message over and return on how many ways. A failure is logged: the change stands."""
    site = state.settings.issuer or current_app.name
    text = f"{site}: {what} {warning(state)}"
    if state.loaders.notify is not None:
        ways = int(_notify(state, user, event, text))
    else:
        notified = before if state.settings.tell_owner else ()
        ways = sum(_tell_by(state, factor, text) for factor in notified)
    signals.owner_told.send(this_app(), user=user, notice=event, ways=ways)
    return ways


def _notify(state: AppState, user: str, event: str, text: str) -> bool:
    assert state.loaders.notify is not None
    try:
        current_app.ensure_sync(state.loaders.notify)(user, event, text)
    except Exception:  # the app's own function: whatever it raises, the change stands
        log.exception("the function registered with @zt.notify failed")
        return False
    return True


def _tell_by(state: AppState, factor: Factor, text: str) -> bool:
    try:
        return state.challenges.tell(factor, text, now=state.clock())
    except (SenderError, StoreError) as error:
        log.warning("an owner could not be told of a change: %s", error)
    except Exception as error:  # a factor of the app's own: the others are told all the same
        log.warning("an owner could not be told of a change: %s", type(error).__name__)
    return False
