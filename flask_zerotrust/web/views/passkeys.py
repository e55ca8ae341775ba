"""Adding a passkey or a security key: the browser makes it, the server checks its signature."""

from __future__ import annotations

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from flask_zerotrust import signals
from flask_zerotrust.challenge.messages import sentence_for
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors import webauthn
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.webauthn import RelyingParty
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.request import this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.views import owner_notices
from flask_zerotrust.web.views.forms import app_csrf, check_form, form_token
from flask_zerotrust.web.views.owner_check import owner_view


def register(blueprint: Blueprint) -> None:
    """Add the page."""
    blueprint.add_url_rule("/factors/add/passkey", "add_passkey", add, methods=["GET", "POST"])


@owner_view(N_("add a passkey"), adds=True)
def add(state: AppState, user: str, first: bool) -> ResponseReturnValue:
    """Have the browser make a passkey, and keep its public half."""
    party = state.factors.party() or abort(404)
    if request.method == "GET":
        return _page(state, user, party)
    check_form(state, "add:passkey")
    try:
        factor_id, before = _keep(state, user, party, first=first)
    except ChallengeError as error:
        signals.enrolment_failed.send(this_app(), user=user, kind=webauthn.KIND, reason=error.reason)
        return _page(state, user, party, error=error)
    browsers.forget_others(state, user)
    state.visit.grant(user=user, factor_id=factor_id)  # it has just been used
    notified = owner_notices.added(state, user, webauthn.KIND, before)
    signals.factor_enrolled.send(this_app(), user=user, factor_id=factor_id, kind=webauthn.KIND)
    news = "added" if notified or before else "added_first"
    return responses.go(url_for(".factors", news=news))


def _keep(state: AppState, user: str, party: RelyingParty, *, first: bool) -> tuple[str, list[Factor]]:
    question = state.challenges.questions.take_new_key(user, state.visit.thread(user))
    key = webauthn.registered(request.form.get("code", ""), party, challenge=question)
    if key is None:
        raise ChallengeError("key")
    before = state.factors.of(user)
    factor_id = state.enrolled.add_passkey(user, key, avoid=[item.id for item in before], first=first)
    return factor_id, before


def _page(
    state: AppState, user: str, party: RelyingParty, *, error: ChallengeError | None = None
) -> ResponseReturnValue:
    question = webauthn.registration(
        party,
        challenge=state.challenges.questions.ask_new_key(user, state.visit.thread(user)),
        handle=state.enrolled.handle(user),
        user=state.factors.account_name(user),
        existing=state.enrolled.passkeys(user),
    )
    return responses.page(
        "passkey",
        200 if error is None else 422,
        question=question,
        error=None if error is None else gettext(sentence_for(error.reason, alone=True)),
        zerotrust_csrf=form_token(state, "add:passkey"),
        app_csrf=app_csrf(),
        submit_url=url_for(".add_passkey"),
        return_url=url_for(".factors"),
    )
