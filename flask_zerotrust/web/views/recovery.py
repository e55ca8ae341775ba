"""Making recovery codes: shown once, on the answer to the press of a button."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from flask_zerotrust import signals
from flask_zerotrust.errors import StoreError
from flask_zerotrust.factors import recovery as codes_of
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.enforce import demand
from flask_zerotrust.web.request import log, this_app
from flask_zerotrust.web.state import AppState, this_state
from flask_zerotrust.web.views import owner_notices
from flask_zerotrust.web.views.forms import app_csrf, check_form, form_token

_ACTION = N_("make recovery codes")


def register(blueprint: Blueprint) -> None:
    """Add the page of recovery codes."""
    blueprint.add_url_rule("/recovery", "recovery", recovery, methods=["GET", "POST"])


def recovery() -> ResponseReturnValue:
    """Make recovery codes for the person who is logged in and has used a factor just now.

    They stand in for a factor, so making them takes one in every mode, and they are never the first.
    """
    state = this_state()
    user = state.user()
    if user is None:
        return responses.unauthorized()
    try:
        refusal = _refusal(state, user)
        if refusal is not None:
            return refusal
        return _make(state, user) if request.method == "POST" else _page(state, user, ())
    except StoreError:
        log.exception("the risk store did not answer; no recovery codes were made")
        return responses.unavailable()


def _refusal(state: AppState, user: str) -> ResponseReturnValue | None:
    if not state.factors.of(user):
        return responses.no_factor(
            gettext(_ACTION),
            may_enrol=state.factors.first_use(user),
            choice=state.factors.has_choice(),
            support=state.settings.support,
        )
    return demand(state, state.change_terms(), gettext(_ACTION))


def _make(state: AppState, user: str) -> ResponseReturnValue:
    check_form(state, "recovery")
    before = state.factors.of(user)
    codes = state.enrolled.make_recovery(user, avoid=[factor.id for factor in before])
    factor_id = state.enrolled.factors(user)[-1].id
    entry = state.visit.entry_of(user)
    for old in (item.id for item in before if item.kind == codes_of.KIND):
        state.sessions.end_grants(user, factor_id=old, except_id=entry.id if entry is not None else None)
    browsers.forget_others(state, user)
    owner_notices.added(state, user, codes_of.KIND, before)
    signals.factor_enrolled.send(this_app(), user=user, factor_id=factor_id, kind=codes_of.KIND)
    return _page(state, user, codes)


def _page(state: AppState, user: str, codes: tuple[str, ...]) -> ResponseReturnValue:
    return responses.page(
        "recovery",
        shows_secret=bool(codes),
        codes=[codes_of.shown(code) for code in codes],
        left=state.enrolled.recovery_left(user),
        zerotrust_csrf=form_token(state, "recovery"),
        app_csrf=app_csrf(),
        submit_url=url_for(".recovery"),
        sessions_url=url_for(".sessions"),
        return_url=request.script_root + "/",
    )
