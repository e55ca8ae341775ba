"""The page of a user's own sessions, and the ways to end them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from flask_zerotrust.i18n import N_, format_date, gettext
from flask_zerotrust.sessions.record import Record
from flask_zerotrust.sessions.sessions import short_id
from flask_zerotrust.web import browsers, endings, responses
from flask_zerotrust.web.state import AppState
from flask_zerotrust.web.views.browser_list import Time
from flask_zerotrust.web.views.forms import app_csrf, check_form, form_token
from flask_zerotrust.web.views.owner_check import owner_view

_ACTION = N_("see where you are logged in")
# Every form that ends sessions carries the token of this purpose.
_FORM = "sessions"
#: Sessions on the page, the newest first. "Log out elsewhere" ends those that are not on it, too.
MAX_ROWS = 50
_NEWS = {
    "ended": N_("That session is logged out."),
    "others_ended": N_("You are logged out everywhere else."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A session as the page shows it."""

    browser: str
    begun: Time
    seen: Time
    is_this: bool
    end_url: str


def register(blueprint: Blueprint) -> None:
    """Add the page and the routes that end sessions."""
    blueprint.add_url_rule("/sessions", "sessions", show, methods=["GET"])
    blueprint.add_url_rule("/sessions/end", "end_sessions", end_others, methods=["POST"])
    blueprint.add_url_rule("/sessions/<session_id>/end", "end_session", end_one, methods=["POST"])


@owner_view(_ACTION)
def show(state: AppState, user: str) -> ResponseReturnValue:
    """List the sessions of the user that the store knows."""
    return responses.page(
        "sessions",
        sessions=_rows(state, user),
        news=gettext(_NEWS.get(request.args.get("news", ""), "")),
        return_url=url_for(".factors"),
        **elsewhere(state),
    )


@owner_view(_ACTION)
def end_one(state: AppState, user: str, session_id: str) -> ResponseReturnValue:
    """End one session. This one is logged out at once."""
    check_form(state, _FORM)
    entry = state.visit.entry_of(user)
    is_this = entry is not None and short_id(entry.id) == session_id
    if not endings.end_one(state, user, session_id):
        return abort(404)
    if is_this:
        endings.log_out(state)
        return responses.go(request.script_root + "/")
    return responses.go(url_for(".sessions", news="ended"))


@owner_view(_ACTION)
def end_others(state: AppState, user: str) -> ResponseReturnValue:
    """End every session of the user but this one."""
    check_form(state, _FORM)
    endings.end_others(state, user)
    return responses.go(url_for(".sessions", news="others_ended"))


def elsewhere(state: AppState) -> dict[str, Any]:
    """Return the context of "Log out elsewhere"."""
    return {
        "end_others_url": url_for(".end_sessions"),
        "sessions_csrf": form_token(state, _FORM),
        "app_csrf": app_csrf(),
    }


def _rows(state: AppState, user: str) -> list[Row]:
    entry = state.visit.entry_of(user)
    this = entry.id if entry is not None else None
    names = {one.id: one.name for one in state.browsers.all(user, now=state.clock()) if one.remembered}
    result = sorted(
        state.sessions.of(user), key=lambda item: (item[0] == this, item[1].seen_at), reverse=True
    )
    return [_row(session_id, record, names, this) for session_id, record in result[:MAX_ROWS]]


def _row(session_id: str, record: Record, names: dict[str, str], this: str | None) -> Row:
    name = names.get(record.proof.browser) if record.proof is not None else None
    return Row(
        browser=browsers.translated_name(name) if name else gettext("A browser that isn’t remembered"),
        begun=_time(record.begun_at),
        seen=_time(record.seen_at),
        is_this=session_id == this,
        end_url=url_for(".end_session", session_id=short_id(session_id)),
    )


def _time(at: float) -> Time:
    when = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at)
    return Time(when.isoformat(timespec="minutes"), f"{format_date(when)}, {when:%H:%M} UTC")
