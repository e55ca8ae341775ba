"""Enrolling an authenticator app: a QR code, then the first code as proof."""

from __future__ import annotations

import io
from collections.abc import Sequence

import segno
from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from flask_zerotrust import signals
from flask_zerotrust.challenge import MESSAGES
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.totp import TotpFactor
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.request import this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.views import owner_notices, session_list
from flask_zerotrust.web.views.forms import app_csrf, check_form, form_token
from flask_zerotrust.web.views.owner_check import owner_view

LABEL = N_("Authenticator app")

# After these the page comes with a new secret, which no code of the app's older one will ever fit.
_RENEWED = ("too_many", "gone")
_SCAN_AGAIN = N_(
    "That took too many tries or too long, so the QR code is a new one. Scan it and type its code."
)


def register(blueprint: Blueprint) -> None:
    """Add the enrolment page."""
    blueprint.add_url_rule("/enrol", "enrol", enrol, methods=["GET", "POST"])


@owner_view(N_("add an authenticator app"), adds=True)
def enrol(state: AppState, user: str, first: bool) -> ResponseReturnValue:
    """Add an authenticator app to the account of the person who is logged in."""
    return _take(state, user, first=first) if request.method == "POST" else _offer(state, user)


def _offer(state: AppState, user: str, error: ChallengeError | None = None) -> ResponseReturnValue:
    if not state.factors.of(user) and not _begun(state, user):
        # No step-up has changed the id yet, and a copied cookie would be shown the same secret.
        state.visit.part(user)
    secret = state.challenges.enrolment.begin(user, state.visit.thread(user), now=state.clock())
    issuer = state.settings.issuer or current_app.name
    account = state.factors.account_name(user)
    uri = TotpFactor(secret).provisioning_uri(account=account, issuer=issuer)
    return responses.page(
        "enrol",
        200 if error is None else 422,
        shows_secret=True,
        qr_svg=_svg(uri),
        app_uri=uri,
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        account=account,
        issuer=issuer,
        error=_sentence(error),
        zerotrust_csrf=form_token(state, "enrol"),
        app_csrf=app_csrf(),
        submit_url=url_for(".enrol"),
        return_url=_way_back(state.factors.of(user)),
    )


def _begun(state: AppState, user: str) -> bool:
    try:
        state.challenges.enrolment.secret(user, state.visit.thread(user), now=state.clock())
    except ChallengeError:
        return False
    return True


def _sentence(error: ChallengeError | None) -> str | None:
    if error is None:
        return None
    text = _SCAN_AGAIN if error.reason in _RENEWED else MESSAGES[error.reason]
    return gettext(text)


def _take(state: AppState, user: str, *, first: bool) -> ResponseReturnValue:
    check_form(state, "enrol", without_referrer=True)
    try:
        secret = state.challenges.enrolment.confirm(
            user, state.visit.thread(user), request.form.get("code", ""), now=state.clock()
        )
    except ChallengeError as error:
        signals.enrolment_failed.send(this_app(), user=user, kind="totp", reason=error.reason)
        return _offer(state, user, error)
    before = state.factors.of(user)
    avoid = [factor.id for factor in before]
    factor_id = state.enrolled.add_totp(user, secret, LABEL, avoid=avoid, first=first)
    browsers.forget_others(state, user)
    state.visit.grant(user=user, factor_id=factor_id)  # it has just been used
    notified = owner_notices.added(state, user, "totp", before)
    signals.factor_enrolled.send(this_app(), user=user, factor_id=factor_id, kind="totp")
    untold = None if notified or before else owner_notices.warning(state)
    return responses.page(
        "enrolled", return_url=_way_back(before), untold=untold, **session_list.elsewhere(state)
    )


def _way_back(before: Sequence[Factor]) -> str:
    """Return where the person came from: the list, or the site where they had nothing to list."""
    return url_for(".factors") if before else request.script_root + "/"


def _svg(uri: str) -> Markup:
    """Return the QR code as inline SVG: black on white whatever the theme, so that it scans."""
    out = io.BytesIO()
    segno.make(uri, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        scale=5,
        border=4,
        dark="#000",
        light="#fff",
        omitsize=True,
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - drawn by segno from a URI. No markup in it
