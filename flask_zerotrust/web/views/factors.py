"""The person's ways to confirm who they are: a list, a name for each, and removing one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from flask_zerotrust import signals
from flask_zerotrust.challenge import MESSAGES
from flask_zerotrust.errors import ChallengeError
from flask_zerotrust.factors import recovery as codes_of
from flask_zerotrust.factors.base import Factor
from flask_zerotrust.factors.enrolled import MAX_FACTORS, MAX_LABEL
from flask_zerotrust.factors.history import FactorDates
from flask_zerotrust.i18n import N_, gettext
from flask_zerotrust.web import browsers, responses
from flask_zerotrust.web.request import this_app
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.views import browser_list, owner_notices, session_list
from flask_zerotrust.web.views.forms import app_csrf, check_form, form_token
from flask_zerotrust.web.views.owner_check import owner_view

# Plain letters: one curly quote makes a text message cost twice.
_ACTION = N_("change your ways to confirm")
#: Sentences at the top of the list after a change. The word is in the query, the sentence is ours.
NEWS = {
    "added": N_("Added. From now on we may ask for it."),
    "added_first": N_(
        "Added. From now on we may ask for it. We could send no message about this, because your account "
        "had no other way to confirm."
    ),
    "renamed": N_("The name is changed."),
    "removed": N_("Removed. It no longer works."),
    "forgotten": N_("The browser is forgotten. It has to confirm with a code again."),
    "others_forgotten": N_("All other browsers are forgotten. They have to confirm with a code again."),
}
# News of a change after which the page offers to log out elsewhere.
_CHANGES = ("added", "removed")


# Names of removed factors on the list: its own name went with it.
_KINDS = {
    "totp": N_("Authenticator app"),
    "sms": N_("Mobile number"),
    "email": N_("E-mail address"),
    "webauthn": N_("Passkey or security key"),
    "recovery": N_("Recovery codes"),
}


def register(blueprint: Blueprint) -> None:
    """Add the list of factors and the page of each."""
    blueprint.add_url_rule("/factors", "factors", factors, methods=["GET"])
    path = "/factors/<factor_id>"
    blueprint.add_url_rule(path, "factor", factor, methods=["GET", "POST"])
    blueprint.add_url_rule(path + "/remove", "remove_factor", remove, methods=["POST"])


@owner_view(_ACTION)
def factors(state: AppState, user: str) -> ResponseReturnValue:
    """List the person's factors, with a way to each and to new ones."""
    stored, left = set(state.enrolled.ids(user)), state.enrolled.recovery_left(user)
    news = request.args.get("news", "")
    context = session_list.elsewhere(state) if news in _CHANGES else {"app_csrf": app_csrf()}
    dates = state.enrolled.history(user)
    return responses.page(
        "factors",
        factors=[
            _shown(item, stored, dates) for item in state.factors.of(user) if item.kind != codes_of.KIND
        ],
        removed=[_gone(item) for item in reversed(dates) if item.removed_at is not None],
        recovery_left=left,
        few_left=left <= codes_of.FEW_CODES,
        recovery_url=url_for(".recovery") if state.factors.of(user) else None,
        ways=_ways(state) if len(stored) < MAX_FACTORS else [],
        news=gettext(NEWS.get(news, "")),
        return_url=request.script_root + "/",
        sessions_url=url_for(".sessions"),
        **context,
        **browser_list.context(state, user),
    )


@owner_view(_ACTION)
def factor(state: AppState, user: str, factor_id: str) -> ResponseReturnValue:
    """Show one factor. A POST gives it another name."""
    result = _own(state, user, factor_id)
    if request.method == "GET":
        return _page(state, user, result)
    check_form(state, "factor:" + factor_id)
    typed = request.form.get("label", "")
    try:
        state.enrolled.rename(user, factor_id, typed)
    except ChallengeError as error:
        return _page(state, user, result, typed=typed, error=error)
    signals.factor_renamed.send(this_app(), user=user, factor_id=factor_id, kind=result.kind)
    return responses.go(url_for(".factors", news="renamed"))


@owner_view(_ACTION)
def remove(state: AppState, user: str, factor_id: str) -> ResponseReturnValue:
    """Remove one factor, end what it has opened elsewhere, and tell the owner. Never the last one."""
    result = _own(state, user, factor_id)
    check_form(state, "factor:" + factor_id)
    before = state.factors.of(user)
    try:
        state.enrolled.remove(user, factor_id, spare=_spare(state, user, result))
    except ChallengeError as error:
        return _page(state, user, result, error=error)
    entry = state.visit.entry_of(user)
    state.sessions.end_grants(user, factor_id=factor_id, except_id=entry.id if entry is not None else None)
    browsers.forget_others(state, user)
    owner_notices.removed(state, user, result.kind, before)
    signals.factor_removed.send(this_app(), user=user, factor_id=factor_id, kind=result.kind, reason="user")
    return responses.go(url_for(".factors", news="removed"))


def _own(state: AppState, user: str, factor_id: str) -> Factor:
    """Return a factor that is kept here and can be used now. The app's own are the app's to change."""
    stored = state.enrolled.ids(user)
    result = [item for item in state.factors.of(user) if item.id == factor_id and factor_id in stored]
    return result[0] if result else abort(404)


def _spare(state: AppState, user: str, leaving: Factor) -> list[str] | None:
    """Return the ids of which one has to stay. None where the app keeps one, or a list of codes goes."""
    stored = set(state.enrolled.ids(user))
    rest = [item for item in state.factors.of(user) if item.id != leaving.id and item.kind != codes_of.KIND]
    if leaving.kind == codes_of.KIND or any(item.id not in stored for item in rest):
        return None
    return [item.id for item in rest]


def _page(
    state: AppState,
    user: str,
    result: Factor,
    *,
    typed: str | None = None,
    error: ChallengeError | None = None,
) -> ResponseReturnValue:
    label = gettext(result.label)
    return responses.page(
        "factor",
        200 if error is None else 409 if error.reason == "last_factor" else 422,
        factor={"id": result.id, "kind": result.kind, "label": label},
        typed=label if typed is None else typed[:MAX_LABEL],
        last=_spare(state, user, result) == [],
        error=None if error is None else gettext(MESSAGES[error.reason]),
        field_error=error is not None and error.reason == "label",
        max_label=MAX_LABEL,
        zerotrust_csrf=form_token(state, "factor:" + result.id),
        app_csrf=app_csrf(),
        rename_url=url_for(".factor", factor_id=result.id),
        remove_url=url_for(".remove_factor", factor_id=result.id),
        return_url=url_for(".factors"),
    )


def _shown(item: Factor, share: set[str], dates: list[FactorDates]) -> dict[str, Any]:
    url = url_for(".factor", factor_id=item.id) if item.id in share else None
    live = [row for row in dates if row.id == item.id and row.removed_at is None]
    result = live[-1] if live else FactorDates(item.id, item.kind)
    return {
        "id": item.id,
        "kind": item.kind,
        "label": gettext(item.label),
        "url": url,
        "added": _day(result.added_at),
        "used": _day(result.used_at),
    }


def _gone(dates: FactorDates) -> dict[str, Any]:
    """Return the list's entry of a removed factor."""
    name = gettext(_KINDS.get(dates.kind, dates.kind))
    return {"label": name, "added": _day(dates.added_at), "removed": _day(dates.removed_at)}


def _day(at: float | None) -> browser_list.Time | None:
    return None if at is None else browser_list.day(at)


def _ways(state: AppState) -> list[dict[str, str]]:
    """Return the factors that can be added here: (label, URL)."""
    result = [(gettext("Authenticator app"), url_for(".enrol"))]
    if state.sender is not None:
        result.append((gettext("Mobile number"), url_for(".add_contact", kind="sms")))
    if state.mailer is not None:
        result.append((gettext("E-mail address"), url_for(".add_contact", kind="email")))
    if state.factors.party() is not None:
        result.append((gettext("Passkey or security key"), url_for(".add_passkey")))
    return [{"label": label, "url": url} for label, url in result]
