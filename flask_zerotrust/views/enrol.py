"""Enrolling an authenticator app: a QR code, then the first code as proof."""

from __future__ import annotations

import io

import segno
from flask import Blueprint, current_app, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from .. import answers, signals
from ..challenge import MESSAGES
from ..enforce import demand
from ..errors import ChallengeError, StoreError
from ..factors.enrolled import MAX_FACTORS
from ..factors.totp import TotpFactor
from ..guard import Guard, log, this_app, this_guard
from ..texts import N_, gettext
from .forms import app_csrf, check_form, form_token

LABEL = N_("Authenticator app")

# After these the page comes with a new secret, which no code of the app's older one will ever fit.
_RENEWED = ("too_many", "gone")
_SCAN_AGAIN = N_(
    "That took too many tries or too long, so the QR code is a new one. Scan it and type its code."
)


def register(blueprint: Blueprint) -> None:
    """Add the enrolment page."""
    blueprint.add_url_rule("/enrol", "enrol", enrol, methods=["GET", "POST"])


def enrol() -> ResponseReturnValue:
    """Add an authenticator app to the account of the person who is logged in.

    Someone with a factor has to use it first. Without one, only a site that says so lets a fresh
    login enrol: a login alone is what a thief of passwords has.
    """
    guard = this_guard()
    user = guard.user()
    if user is None:
        return answers.unauthorized()
    try:
        refusal = _refusal(guard, user)
        if refusal is not None:
            return refusal
        return _take(guard, user) if request.method == "POST" else _offer(guard, user)
    except StoreError:
        log.exception("the risk store did not answer; nothing was enrolled")
        return answers.unavailable()


def _refusal(guard: Guard, user: str) -> ResponseReturnValue | None:
    action = gettext("add an authenticator app")
    if guard.enrolled.count(user) >= MAX_FACTORS:
        text = gettext("You have set up as many as you can. Ask the site's support to remove one first.")
        back = (gettext("Back"), request.script_root + "/")
        return answers.message(gettext("That is enough"), text, 409, back)
    if guard.factors(user):
        return demand(guard, guard.terms(max_risk=None, max_age_s=None, always=True), action)
    if guard.first_use(user) and _fresh_login():
        return None
    return answers.no_factor(action, may_enrol=False)


def _fresh_login() -> bool:
    """Say whether the person typed a password in this session, where Flask-Login can tell."""
    if not hasattr(current_app, "login_manager"):
        return True
    from flask_login import login_fresh  # noqa: PLC0415 - adapter of an optional package

    return bool(login_fresh())


def _offer(guard: Guard, user: str, error: ChallengeError | None = None) -> ResponseReturnValue:
    secret = guard.challenges.enrol_begin(user, guard.thread(user), now=guard.clock())
    issuer = guard.settings.issuer or current_app.name
    uri = TotpFactor(secret).provisioning_uri(account=user, issuer=issuer)
    return answers.page(
        "enrol",
        200 if error is None else 422,
        qr_svg=_svg(uri),
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        account=user,
        issuer=issuer,
        error=_sentence(error),
        zerotrust_csrf=form_token(guard, "enrol"),
        app_csrf=app_csrf(),
        submit_url=url_for(".enrol"),
    )


def _sentence(error: ChallengeError | None) -> str | None:
    if error is None:
        return None
    text = _SCAN_AGAIN if error.reason in _RENEWED else MESSAGES[error.reason]
    return gettext(text)


def _take(guard: Guard, user: str) -> ResponseReturnValue:
    check_form(guard, "enrol")
    try:
        secret = guard.challenges.enrol_confirm(
            user, guard.thread(user), request.form.get("code", ""), now=guard.clock()
        )
    except ChallengeError as error:
        signals.enrolment_failed.send(this_app(), user=user, kind="totp", reason=error.reason)
        return _offer(guard, user, error)
    taken = [factor.id for factor in guard.factors(user)]
    factor_id = guard.enrolled.add_totp(user, secret, LABEL, avoid=taken)
    signals.factor_enrolled.send(this_app(), user=user, factor_id=factor_id, kind="totp")
    return answers.page("enrolled", return_url=request.script_root + "/")


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
    return Markup(out.getvalue().decode())  # noqa: S704 - drawn by segno from a URI; no markup in it
