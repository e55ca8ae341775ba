"""Sessions that end before their time: who ends them, and how the app's login ends with them."""

from __future__ import annotations

from flask import Flask, current_app, request, session

from flask_zerotrust import signals
from flask_zerotrust.errors import StoreError
from flask_zerotrust.sessions.sessions import short_id
from flask_zerotrust.web import logins
from flask_zerotrust.web.pairing import pair_tag
from flask_zerotrust.web.request import log, records_read, this_app
from flask_zerotrust.web.state import AppState


def log_out_ended(state: AppState) -> None:
    """Log this session out if it was ended. Without a session cookie nothing is read.

    If the store does not answer, the request goes on, and protected views stay shut.
    """
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return
    try:
        if state.visit.is_ended():
            log_out(state)
    except StoreError:
        log.exception("the risk store did not answer; whether this session was ended is not known")


def log_out(state: AppState) -> None:
    """End the app's login in this request: as the app says, by Flask-Login, or by clearing the session."""
    if state.loaders.logout is not None:
        current_app.ensure_sync(state.loaders.logout)()
    elif hasattr(current_app, "login_manager"):
        from flask_login import logout_user  # noqa: PLC0415 - adapter of an optional package

        logout_user()
    else:
        session.clear()
    logins.logged_out(state)
    records_read().clear()


def end_one(state: AppState, user: str, short: str) -> bool:
    """End the session of a user with this short id. Return whether there was one."""
    for session_id, record in state.sessions.of(user):
        if short_id(session_id) == short:
            state.sessions.end_one(user, session_id, record)
            tell(this_app(), user, short, "user")
            return True
    return False


def end_others(state: AppState, user: str) -> None:
    """End all sessions of a user but this one, which goes on under a new id."""
    state.sessions.end_all(user, keep=session, pair=pair_tag(make=True))
    records_read().clear()
    tell(this_app(), user, None, "user")


def tell(app: Flask, user: str, short: str | None, reason: str) -> None:
    """Send that a session was ended, or without an id all of a user's, or all others."""
    signals.session_ended.send(app, user=user, session=short, reason=reason)
