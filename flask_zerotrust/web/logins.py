"""Follow logins, logouts and changes of password, whichever way the app makes them."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask, request, session

from flask_zerotrust.errors import StoreError
from flask_zerotrust.sessions.sessions import SESSION_KEY, Entry
from flask_zerotrust.web import accounts
from flask_zerotrust.web.ingest import ingest_form
from flask_zerotrust.web.pairing import pair_tag
from flask_zerotrust.web.request import log
from flask_zerotrust.web.state import AppState, this_state
from flask_zerotrust.web.visit import recover_entry

# Where a request keeps that nobody was logged in when its view began.
_NOBODY = "flask_zerotrust.nobody"


def connect(app: Flask) -> None:
    """Follow Flask-Login and Flask-Security, where the app uses them.

    Asked at set-up and at the first request: no app can add a login manager later. Packages that
    the app has not imported stay out: they would bring Flask's test client and the debugger along.
    """
    if "flask_login" in sys.modules:
        from flask_login import (  # noqa: PLC0415 - optional
            user_logged_in,
            user_logged_out,
            user_login_confirmed,
        )

        user_logged_in.connect(_on_login, app)
        user_login_confirmed.connect(_on_login, app)
        user_logged_out.connect(_on_logout, app)
    if "flask_security" in sys.modules:
        from flask_security import password_changed, password_reset  # noqa: PLC0415 - optional

        password_changed.connect(_on_password, app)
        password_reset.connect(_on_password, app)


def watch_views(app: Flask) -> None:
    """Look who is logged in before each view, behind all that the app itself does there.

    Asked at the first request, after which no app can add functions of its own.
    """
    app.before_request_funcs.setdefault(None, [])
    for functions in app.before_request_funcs.values():
        functions.append(_look)


def follow(state: AppState) -> None:
    """Follow logins and logouts without a signal, at the end of a request that wrote the session."""
    if session.modified:
        _settle(state)
        if request.environ.get(_NOBODY):
            _note_change(state)


def logged_in(state: AppState) -> None:
    """Bind the session to the user who has just logged in, keeping how they moved."""
    if state.settings.mode == "off":
        return
    recover_entry()
    before = state.visit.entry_of(None)
    try:
        if before is not None:
            ingest_form(state, entry=before, user=None)
        user = state.user()
        entry = state.visit.start(user, rotate=True)
        if user is not None:
            state.sessions.begin(entry, user, now=state.clock())
        _note_login(state, entry, user)
    except StoreError:
        log.exception("the risk store did not answer at login; this session starts unknown")
        session.pop(SESSION_KEY, None)


def logged_out(state: AppState) -> None:
    """Forget the session of the user who has just logged out. A latch stays with the user."""
    recover_entry()
    try:
        state.sessions.drop(session, pair=pair_tag())
    except StoreError:
        log.exception("the risk store did not answer at logout")
        session.pop(SESSION_KEY, None)


def _settle(state: AppState) -> None:
    """Follow a login or a logout that the app has made in its own way.

    Only the session at the end of a request tells of that. A grant would wait in the browser
    for the next login, and in every copy of its cookie. A login without an entry could not be ended.
    """
    stored = Entry.from_session(session.get(SESSION_KEY))
    user = state.user()
    if stored is None or (stored.user_tag and state.visit.entry_of(user) is None):
        logged_out(state)
    if user is not None and state.visit.entry_of(user) is None and state.settings.mode != "off":
        state.sessions.begin(state.visit.start(user), user, now=state.clock())


def _note_change(state: AppState) -> None:
    """Note the login, or the visitor, of a request that began without a user and wrote the session."""
    user = state.user()
    try:
        if user is not None:
            _note_login(state, state.visit.start(user), user)
        else:
            state.sessions.note_visitor(session, pair=pair_tag(make=True), now=state.clock())
    except StoreError:
        log.exception("the risk store did not answer; this login counts for no first factor")


def _note_login(state: AppState, entry: Entry, user: str | None) -> None:
    """Keep when the user logged in, where a login may add a first factor."""
    if state.settings.enrol == "first-use" and user is not None:
        state.sessions.note_login(entry, user, at=state.clock())
        state.factors.note(user)


def _look() -> None:
    """Keep whether nobody is logged in. Flask-Login tells of its own logins."""
    state = this_state()
    if state.settings.enrol != "first-use" or state.loaders.user_id is None:
        return
    try:
        request.environ[_NOBODY] = state.user() is None
    except Exception:  # the app's own loader: who was here is not known, so no login is
        log.exception("who is logged in could not be told at the beginning of a request")
        request.environ[_NOBODY] = False


def _on_login(_app: Flask, **_: Any) -> None:
    logged_in(this_state())


def _on_logout(_app: Flask, **_: Any) -> None:
    logged_out(this_state())


def _on_password(_app: Flask, *, user: Any, **_: Any) -> None:
    for user_id in _ids(user):
        accounts.end_trust(this_state(), user_id, reason="password_changed")


def _ids(user: Any) -> set[str]:
    """Return every id by which the extension may know a user of Flask-Security.

    Flask-Login's id is a random one there (``fs_uniquifier``), and changes with the password. An app's
    ``@zt.user_id_loader`` cannot be asked about a user who is not logged in, and mostly returns the key.
    """
    ids = {str(user.get_id())}
    if getattr(user, "id", None) is not None:
        ids.add(str(user.id))
    return ids
